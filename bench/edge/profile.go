package main

import (
	"os"
	"runtime/pprof"
	"time"
)

// profile writes ten seconds of CPU profile to path, once the load has begun.
func profile(path string) {
	time.Sleep(2 * time.Second)
	f, err := os.Create(path) //nolint:gosec // the operator names it
	if err != nil {
		return
	}
	if pprof.StartCPUProfile(f) == nil {
		time.Sleep(10 * time.Second)
		pprof.StopCPUProfile()
	}
	_ = f.Close()
}
