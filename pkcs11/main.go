// Garrison-pkcs11 holds a PKCS#11 token for Garrison, so that the vendor's
// library, which is C, lives and dies in a process of its own. It is given the
// library and the token's label on its command line and the PIN as its first
// request, answers requests on standard output (package internal/hsm/frame), and
// ends when standard input does. It refuses to give out keys: it knows no
// request for one.
// Flow: main → harden → open (load, find, log in) → serve → close.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

// grace is how long requests under way may take once standard input has ended.
// A library that hangs must not keep the process.
const grace = 2 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "garrison-pkcs11:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	where, err := parse(args)
	if err != nil {
		return err
	}
	if err := harden(); err != nil {
		return err
	}
	// Garrison decides when it ends, also when the terminal or the service
	// manager signals the whole group: requests under way are then answered.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	in, out, err := streams()
	if err != nil {
		return err
	}
	codec, err := frame.New()
	if err != nil {
		return err
	}
	ending := func() { time.AfterFunc(grace, func() { os.Exit(2) }) }
	return (&server{codec: codec, out: out, ending: ending}).serve(in, where)
}

// A place names a token.
type place struct{ module, label string }

func parse(args []string) (place, error) {
	var p place
	flags := flag.NewFlagSet("garrison-pkcs11", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&p.module, "module", "", "path of the PKCS#11 library")
	flags.StringVar(&p.label, "token", "", "label of the token")
	if err := flags.Parse(args); err != nil {
		return place{}, err
	}
	if p.module == "" || p.label == "" || flags.NArg() > 0 {
		return place{}, errors.New("usage: garrison-pkcs11 -module /path/of/library.so -token LABEL")
	}
	if !filepath.IsAbs(p.module) {
		// dlopen(3) would search the library path for it.
		return place{}, errors.New("the module's path must be absolute")
	}
	return p, nil
}
