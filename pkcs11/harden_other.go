//go:build !linux

package main

import "os"

// harden does nothing here: only Linux lets a process refuse core dumps and
// debuggers for itself.
func harden() error { return nil }

// streams returns standard input and output as they are.
func streams() (in, out *os.File, err error) { return os.Stdin, os.Stdout, nil }
