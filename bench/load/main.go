// Command load measures Garrison against references in the same run, on the
// same machine, with the same client: what counts is the ratio.
//
//	go run ./bench/load                  every operation at concurrency 1 and 16
//	go run ./bench/load -ops encrypt     one operation
//	go run ./bench/load -keys 1000000    what a million keys cost
//	go run ./bench/load -start           cold start and memory at rest
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"
)

func main() {
	var o options
	serve := flag.String("bare", "", "internal: serve the reference handler on this address")
	flag.StringVar(&o.ops, "ops", "", "operations to measure, separated by commas (default all)")
	flag.DurationVar(&o.duration, "for", 3*time.Second, "how long each measurement takes")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds per measurement; the median counts")
	flag.StringVar(&o.dir, "dir", "", "where to keep the data while measuring (default a temporary directory)")
	flag.IntVar(&o.keys, "keys", 0, "measure Encrypt and the start with this many keys instead")
	flag.BoolVar(&o.start, "start", false, "measure cold start and memory at rest instead")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *serve != "" {
		exit(serveBare(ctx, *serve))
		return
	}
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

type options struct {
	ops      string
	duration time.Duration
	rounds   int
	dir      string
	keys     int
	start    bool
}

func run(ctx context.Context, o options) (err error) {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "garrison-load-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		o.dir = dir
	}
	binary, err := build(ctx, o.dir)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s/%s, %d cores, %s a measurement, median of %d\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.duration, o.rounds)
	switch {
	case o.start:
		return measureStart(ctx, binary, o)
	case o.keys > 0:
		return measureKeys(ctx, binary, o)
	default:
		return measureOperations(ctx, binary, o)
	}
}

// chosen returns the operations named by -ops.
func chosen(names string) ([]operation, error) {
	if names == "" {
		return operations(), nil
	}
	var out []operation
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, op := range operations() {
			if op.name == name {
				out, found = append(out, op), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no operation named %q", name)
		}
	}
	return out, nil
}
