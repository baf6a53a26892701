//go:build !linux

package main

// hardenProcess does nothing here: only Linux lets a process refuse core dumps
// and debuggers for itself.
func hardenProcess() error { return nil }
