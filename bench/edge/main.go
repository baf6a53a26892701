// Command edge measures the load balancer's data plane against proxies that people know:
// Go's httputil.ReverseProxy, nginx and HAProxy, in front of one backend, driven by wrk.
// Rounds are interleaved and medians reported, with each ratio taken within its round,
// so that a busy machine disturbs all alike. What is not installed is left out by name.
//
//	go run ./bench/edge -rounds 5 -seconds 3
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

func main() {
	role := flag.String("role", "", "run as backend, reverse or edge instead of measuring")
	listen := flag.String("listen", "", "address of a role")
	backend := flag.String("backend", "", "address that a proxy role forwards to")
	cert := flag.String("cert", "", "PEM file with certificate and key; empty serves plain HTTP")
	rounds := flag.Int("rounds", 5, "interleaved rounds")
	seconds := flag.Int("seconds", 3, "seconds of each measurement")
	flag.Parse()
	var err error
	switch *role {
	case "backend":
		err = serveBackend(*listen)
	case "reverse":
		err = serveReverse(*listen, *backend, *cert)
	case "edge":
		err = serveEdge(*listen, *backend, *cert)
	default:
		err = measure(*rounds, time.Duration(*seconds)*time.Second)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "edge:", err)
		os.Exit(1)
	}
}

// measure runs the rounds and prints the table.
func measure(rounds int, each time.Duration) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		fmt.Println("wrk is not installed: nothing is measured")
		return nil
	}
	b, err := startBench()
	if err != nil {
		return err
	}
	defer b.stop()
	for _, m := range []mode{{"plain keep-alive", false, false}, {"TLS keep-alive", true, false}, {"TLS new connections", true, true}} {
		results := map[string][]result{}
		for range rounds {
			for _, p := range b.proxies {
				r, err := b.wrk(p, m, each)
				if err != nil {
					return err
				}
				results[p.name] = append(results[p.name], r)
			}
		}
		print(b, m, results)
	}
	return nil
}

func print(b *bench, m mode, results map[string][]result) {
	fmt.Printf("%s\n%-14s %10s %9s %18s\n", m.name, "proxy", "req/s", "p99 ms", "of ReverseProxy")
	base := results["reverse"]
	for _, p := range b.proxies {
		var rates, p99, ratios []float64
		for i, r := range results[p.name] {
			rates, p99, ratios = append(rates, r.rate), append(p99, r.p99), append(ratios, r.rate/base[i].rate)
		}
		fmt.Printf("%-14s %10.0f %9.2f %18.2f\n", p.name, median(rates), median(p99), median(ratios))
	}
	fmt.Println()
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
