// Command replicate measures how long a replica of a multi-Region key takes until
// it can be used in the other Region.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/garrison-cloud/garrison/bench/process"
)

const usage = `replicate measures how long ReplicateKey takes until the replica can be used.

  go run ./bench/replicate                  both Regions in one process, then in two
  go run ./bench/replicate -only two        in two processes, which are peers
  go run ./bench/replicate -callers 8       eight replicate at the same time

For each of -n keys, which are made one after the other by each caller: create a
multi-Region key, encrypt under it, replicate it, and ask the other Region until
DescribeKey says Enabled and Decrypt opens what was encrypted before. Creating and
encrypting are not counted. A Region is asked again after -poll, which is how exact
the figures are. The bar is a p99 of 1s, counted from ReplicateKey's answer.

`

type options struct {
	n       int           // keys
	callers int           // who replicate at the same time
	poll    time.Duration // between two questions
	dir     string
}

// bar is how long after ReplicateKey's answer 99 of 100 replicas may take.
const bar = time.Second

func main() {
	var o options
	only := flag.String("only", "", "measure one `layout`: one (process) or two (default both)")
	flag.IntVar(&o.n, "n", 500, "keys to replicate in each layout")
	flag.IntVar(&o.callers, "callers", 1, "how many replicate at the same time")
	flag.DurationVar(&o.poll, "poll", time.Millisecond, "how long to wait between two questions")
	flag.Usage = func() {
		_, _ = io.WriteString(flag.CommandLine.Output(), usage) // help that nobody reads helps nobody
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, *only); err != nil {
		fmt.Fprintln(os.Stderr, "replicate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, only string) (err error) {
	if o.n < 1 || o.callers < 1 || o.poll <= 0 || only != "" && only != "one" && only != "two" {
		return errors.New("-n and -callers are at least 1, -poll is more than 0, and -only is one or two")
	}
	if o.dir, err = os.MkdirTemp("", "garrison-replicate-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	binary, err := process.Build(ctx, o.dir)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s/%s, %d cores, %d keys by %d callers\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.n, o.callers)
	fmt.Println(heading())
	for _, l := range layouts() {
		if only != "" && only != l.name {
			continue
		}
		if err := l.measure(ctx, binary, o, os.Stdout); err != nil {
			return fmt.Errorf("%s: %w", l.title, err)
		}
	}
	return nil
}

func (l layout) measure(ctx context.Context, binary string, o options, out io.Writer) error {
	r, stop, err := l.start(ctx, binary, o.dir)
	if err != nil {
		return err
	}
	defer stop()
	all, err := r.replicas(ctx, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, line(l.title, all))
	return err
}
