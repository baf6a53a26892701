package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

var answer = []byte("{\"message\":\"the answer of the backend, of eighty-one bytes with its line end.\"}\r\n")

// serveBackend answers every request with the same small body.
func serveBackend(addr string) error {
	s := &http.Server{Addr: addr, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})}
	return s.ListenAndServe()
}

// serveReverse is httputil.ReverseProxy with a pool as large as it needs.
func serveReverse(addr, backend, cert string) error {
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend})
	p.Transport = &http.Transport{MaxIdleConns: 1000, MaxIdleConnsPerHost: 1000, DisableCompression: true}
	p.ErrorLog = log.New(io.Discard, "", 0)
	s := &http.Server{Addr: addr, Handler: p, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	if cert == "" {
		return s.ListenAndServe()
	}
	s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	return s.ListenAndServeTLS(cert, cert)
}

// serveEdge is the load balancer.
func serveEdge(addr, backend, cert string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if path := os.Getenv("EDGE_PROFILE"); path != "" {
		go profile(path)
	}
	b := alb.New(alb.Deps{Clock: clock.System{}, Rand: rand.Reader})
	g := target.NewGroup(clock.System{})
	cfg := &target.Config{ARN: "group", Health: target.Check{Disabled: true}, Targets: []target.Target{{ID: "backend", Address: netip.MustParseAddrPort(backend)}}}
	g.Apply(context.Background(), cfg, true)
	l := alb.Listener{ARN: "listener", Port: 80, Rules: []alb.Rule{{Default: true, Action: alb.Action{
		Forward: &alb.Forward{Groups: []alb.WeightedGroup{{ARN: "group", Weight: 1}}},
	}}}}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, cert)
		if err != nil {
			return err
		}
		l.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if err := b.Apply(&alb.Config{ARN: "lb", ID: "app/bench/0", Listeners: []alb.Listener{l}}, map[string]*target.Group{"group": g}); err != nil {
		return err
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go b.Serve(context.Background(), c, 80)
	}
}
