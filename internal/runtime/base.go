package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// basePattern names the directories of pools.
const basePattern = "garrison-lambda-*"

// makeBase makes the directory that everything lies in, and removes those of pools
// that were killed. Environments pass through it, and can't look at what else is
// there.
func (p *Pool) makeBase() error {
	if p.base != "" {
		return nil
	}
	parent := p.Dir
	if parent == "" {
		parent = os.TempDir()
	}
	if err := removeStale(parent); err != nil {
		p.Logger.Warn("remove execution environments of a server that was killed", "error", err)
	}
	base, err := os.MkdirTemp(parent, basePattern)
	if err != nil {
		return fmt.Errorf("make a directory for execution environments: %w", err)
	}
	if p.lock, err = lockIn(base); err == nil {
		err = errors.Join(writeClients(base), os.Chmod(base, 0o711)) //nolint:gosec // users of environments pass through
	}
	if err != nil {
		return errors.Join(err, removeAll(base))
	}
	p.base = base
	return nil
}

// lockIn marks a directory as in use for as long as the file is open. The mark
// appears once it is locked, so that nobody takes a new directory for a stale one.
func lockIn(base string) (*os.File, error) {
	made := filepath.Join(base, "lock.new")
	f, err := os.OpenFile(made, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // a name of this package's
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, os.Rename(made, filepath.Join(base, "lock"))
}

// removeStale removes the directories of this user's pools that nobody holds.
func removeStale(parent string) error {
	list, err := filepath.Glob(filepath.Join(parent, basePattern))
	for _, base := range list {
		st, e := os.Lstat(base)
		if e != nil || !st.IsDir() || st.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()) { //nolint:gosec // a user id
			continue
		}
		f, e := os.OpenFile(filepath.Join(base, "lock"), os.O_RDWR|syscall.O_NOFOLLOW, 0) //nolint:gosec // in a directory of this user's
		if e != nil {
			continue // it is being made
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = errors.Join(err, removeAll(base))
		}
		err = errors.Join(err, f.Close())
	}
	return err
}

// removeAll removes a tree in which directories may be read-only.
func removeAll(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700) //nolint:gosec // it is about to be removed
		}
		return nil
	})
	return errors.Join(err, os.RemoveAll(dir))
}
