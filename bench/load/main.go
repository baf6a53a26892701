// Command load measures Garrison against references in the same run, on the
// same machine, with the same client: what counts is the ratio.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/bench/process"
)

const usage = `load measures Garrison against references in the same run: what counts is the ratio.

  go run ./bench/load                           every operation, by one caller and by 16
  go run ./bench/load -ops 'sign-*,verify-*'    some of them
  go run ./bench/load -keys 100000              a large account beside a fresh small one
  go run ./bench/load -start                    cold start and memory at rest

Each operation is compared with a bare net/http handler that decodes the same request,
does the same cryptography with the libraries that Garrison uses, and answers as many
bytes; it verifies no signature of the request, decides no policy and records nothing.
CreateKey is compared with the store's own durable writes. RSA key pairs of
GenerateDataKeyPair are not compared: how long it takes to find two primes is chance,
and varies by more than what a server adds to it.

All operations take about 6 minutes for every second of -for, with three rounds. A round
measures Garrison, then the reference; a line shows the round in the middle by ratio.
cpu is the processor time of the server alone for a call, which a busy machine changes least.
Garrison runs with GOGC=300, the reference with Go's default: set GOGC to give both the same.

With -keys the account is created through the API by 32 callers, 100,000 keys with 20,000
grants in about half a minute; the same calls then go to it and to a fresh server in turn.

`

func main() {
	var o options
	serve := flag.String("bare", "", "internal: serve the reference handler on this `address`")
	callers := flag.String("callers", "1,16", "concurrencies to measure at, separated by commas")
	list := flag.Bool("list", false, "list the operations and end")
	flag.StringVar(&o.ops, "ops", "", "operations to measure: `names` and patterns, separated by commas (default all)")
	flag.DurationVar(&o.duration, "for", 3*time.Second, "how long each measurement takes")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds per measurement; the median counts")
	flag.StringVar(&o.dir, "dir", "", "`directory` to keep the data in while measuring (default a temporary one)")
	flag.IntVar(&o.keys, "keys", 0, "measure an account of this many keys beside one of 100 instead")
	flag.IntVar(&o.grants, "grants", 1000, "with -keys: how many grants a granted key has")
	flag.IntVar(&o.granted, "granted", 20, "with -keys: how many keys have so many grants")
	flag.BoolVar(&o.start, "start", false, "measure cold start and memory at rest instead")
	flag.Usage = func() {
		say(flag.CommandLine.Output(), "%s", usage)
		flag.PrintDefaults()
	}
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch {
	case *serve != "":
		exit(serveBare(ctx, *serve))
	case *list:
		for _, op := range operations() {
			fmt.Printf("%-32s beside %s\n", op.name, op.reference())
		}
	default:
		var err error
		if o.callers, err = numbers(*callers); err == nil {
			err = run(ctx, o)
		}
		exit(err)
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

type options struct {
	ops      string
	callers  []int
	duration time.Duration
	rounds   int
	dir      string
	keys     int
	grants   int // of each granted key
	granted  int // keys that have grants
	start    bool
}

func numbers(list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of callers", s)
		}
		out = append(out, n)
	}
	return out, nil
}

func run(ctx context.Context, o options) (err error) {
	if o.rounds < 1 || o.granted < 1 || o.keys > 0 && (o.granted > o.keys || o.grants < 1) {
		return errors.New("-rounds, -grants and -granted are at least 1, and -granted at most -keys")
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "garrison-load-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		o.dir = dir
	}
	return measureIn(ctx, o)
}

func measureIn(ctx context.Context, o options) error {
	binary, err := process.Build(ctx, o.dir)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s/%s, %d cores, %s a measurement, median of %d\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.duration, o.rounds)
	switch {
	case o.start:
		return measureStart(ctx, binary, o)
	case o.keys > 0:
		return measureAccount(ctx, binary, o)
	default:
		return measureOperations(ctx, binary, o)
	}
}
