// Package dir keeps bodies as files of one directory: each is created under its final
// name, which nobody knows before it is durable. Nobody but the server's user may look
// into it.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// fanOut directories share the files; each is named by the last byte of the ids,
	// which is random.
	fanOut     = 256
	quarantine = "quarantine"
	dirMode    = 0o700
	fileMode   = 0o600
)

// A Dir is a blob.Store in a directory.
type Dir struct {
	root string
	made [fanOut]sync.Once
}

var _ blob.Store = (*Dir)(nil)

// Open returns the Store in the directory root, which it makes where it is missing.
func Open(root string) (*Dir, error) {
	if err := os.MkdirAll(root, dirMode); err != nil {
		return nil, fmt.Errorf("make the directory of bodies: %w", err)
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(root, dirMode); err != nil {
			return nil, fmt.Errorf("the directory of bodies can be read by others: %w", err)
		}
	}
	return &Dir{root: root}, nil
}

func (d *Dir) path(id blob.ID) string {
	name := id.String()
	return filepath.Join(d.root, name[len(name)-2:], name)
}

// Create implements blob.Store.
func (d *Dir) Create(_ context.Context, id blob.ID) (blob.Writer, error) {
	path := d.path(id)
	if err := d.makeShelf(id, filepath.Dir(path)); err != nil {
		return nil, full(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, full(err)
	}
	return &writer{file: f}, nil
}

// makeShelf makes a directory durable before the first file is in it.
func (d *Dir) makeShelf(id blob.ID, path string) (err error) {
	d.made[id[len(id)-1]].Do(func() {
		if err = os.Mkdir(path, dirMode); errors.Is(err, fs.ErrExist) {
			err = nil
			return
		}
		if err == nil {
			err = syncDir(d.root)
		}
	})
	if err == nil {
		_, err = os.Stat(path) // the once may have failed for somebody else
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.Join(os.MkdirAll(path, dirMode), syncDir(d.root))
		}
	}
	return err
}

// Open implements blob.Store.
func (d *Dir) Open(_ context.Context, id blob.ID, off, n int64) (io.ReadCloser, error) {
	f, err := os.Open(d.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if n < 0 {
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
	return &section{SectionReader: io.NewSectionReader(f, off, n), file: f}, nil
}

type section struct {
	*io.SectionReader
	file *os.File
}

// Close implements io.Closer.
func (s *section) Close() error { return s.file.Close() }

// Delete implements blob.Store.
func (d *Dir) Delete(_ context.Context, id blob.ID) error {
	err := os.Remove(d.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Quarantine implements blob.Store: the file moves to the directory "quarantine",
// where an operator can look at it.
func (d *Dir) Quarantine(_ context.Context, id blob.ID) error {
	to := filepath.Join(d.root, quarantine)
	if err := os.MkdirAll(to, dirMode); err != nil {
		return err
	}
	err := os.Rename(d.path(id), filepath.Join(to, id.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// full tells a full disk from other errors.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}
