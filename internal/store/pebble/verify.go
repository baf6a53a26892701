package pebble

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// Verify reads each block of each live file, past the cache, and checks its sum.
// What is still in the log is in memory too, and in no file that lasts.
func (e *Engine) Verify(ctx context.Context) error {
	if err := e.enter(); err != nil {
		return err
	}
	defer e.live.Done()
	levels, err := e.db.SSTables()
	if err != nil {
		return e.damaged(err)
	}
	for _, level := range levels {
		for _, t := range level {
			if err := errors.Join(ctx.Err(), e.verifyFile(ctx, t)); err != nil {
				return err
			}
		}
	}
	return nil
}

// verifyFile skips a file that a compaction has removed meanwhile: what it held
// is in the file's successors, and the library checked it as it read it.
func (e *Engine) verifyFile(ctx context.Context, t pebble.SSTableInfo) error {
	name := fmt.Sprintf("%s.sst", t.BackingSSTNum)
	f, err := e.fs.Open(e.fs.PathJoin(e.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return e.damaged(err)
	}
	file, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(e.damaged(err), f.Close())
	}
	r, err := sstable.NewReader(ctx, file, e.readerOptions())
	if err != nil {
		return fmt.Errorf("file %s: %w", name, errors.Join(e.damaged(err), file.Close()))
	}
	if err := errors.Join(r.ValidateBlockChecksums(), r.Close()); err != nil {
		return fmt.Errorf("file %s: %w", name, e.damaged(err))
	}
	return nil
}

// readerOptions are those of the library's defaults, without its cache.
func (e *Engine) readerOptions() sstable.ReaderOptions {
	var o pebble.Options
	o.EnsureDefaults()
	return o.MakeReaderOptions()
}
