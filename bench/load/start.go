package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/garrison-cloud/garrison/bench/process"
)

// settled is how long a server is left alone before its memory counts as that at
// rest.
const settled = 2 * time.Second

// measureStart prints how long a first start on an empty directory takes until
// the first signed answer, and what the process needs at rest.
func measureStart(ctx context.Context, binary string, o options) error {
	var took []time.Duration
	rss := 0
	for i := range o.rounds {
		begun := time.Now()
		p, err := process.Garrison(ctx, binary, filepath.Join(o.dir, "start"+strconv.Itoa(i)))
		if err != nil {
			return err
		}
		took = append(took, time.Since(begun))
		time.Sleep(settled)
		rss = max(rss, p.RSS())
		p.Stop()
	}
	slices.Sort(took)
	fmt.Printf("first answer on an empty directory: %s (bar 100ms)\nresident at rest: %d MiB (bar 60)\n",
		took[len(took)/2].Round(time.Millisecond), rss)
	return nil
}
