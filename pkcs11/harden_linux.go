package main

import (
	"fmt"
	"os"
	"syscall"
)

// prctl(2), mlockall(2).
const (
	prSetDumpable = 4
	mclCurrent    = 1
	mclFuture     = 2
	mclOnFault    = 4
)

// harden keeps the PIN and plaintexts out of core dumps, away from other
// processes of the same user, and, where the memory limit allows it, off the
// swap device. Pages are locked as they are touched: thread stacks are large and
// mostly empty.
func harden() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("switch core dumps off: %w", err)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0); errno != 0 {
		return fmt.Errorf("make the process undumpable: %w", errno)
	}
	// An unprivileged process may lock only little; it runs without.
	_ = syscall.Mlockall(mclCurrent | mclFuture | mclOnFault)
	return nil
}

// streams takes standard input and output for the protocol alone: a library
// that prints would break it, and one that reads would steal the PIN. What it
// prints goes to standard error from here on.
func streams() (in, out *os.File, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = null.Close() }()
	if in, err = move(os.Stdin, null); err != nil {
		return nil, nil, err
	}
	out, err = move(os.Stdout, os.Stderr)
	return in, out, err
}

// move returns what f was under a new descriptor, and puts instead in its place.
func move(f, instead *os.File) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("move %s: %w", f.Name(), err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.Dup3(int(instead.Fd()), int(f.Fd()), 0); err != nil {
		return nil, fmt.Errorf("replace %s: %w", f.Name(), err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
