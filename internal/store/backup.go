package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A backup is the same for every engine: a line that names the format, then
// frames of pairs, each followed by the SHA-256 of the frame and of the digest
// before it, then an empty frame. A stream that was cut, changed or put in
// another order is refused before its frame is used. Values stay sealed: a
// backup opens with the store's root key alone. The change log stays behind.
const backupMagic = "garrison backup 1\n"

const (
	backupFrame = 256 << 10
	// maxFrame bounds what a reader takes into memory on the word of a stream.
	maxFrame = backupFrame + MaxKey + 2*MaxValue
)

// Backup writes one consistent state of the store to w, while it serves, and
// returns that state's revision.
func (db *DB) Backup(ctx context.Context, w io.Writer) (Rev, error) {
	etx, err := db.engine.Begin(ctx, false)
	if err != nil {
		return Rev{}, err
	}
	defer etx.Discard()
	if err := etx.Barrier(ctx); err != nil {
		return Rev{}, err
	}
	out := &backupWriter{w: bufio.NewWriter(w)}
	if _, err := out.w.WriteString(backupMagic); err != nil {
		return Rev{}, err
	}
	for kv, err := range etx.Scan(Bounds{Lo: []byte{1}}) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return Rev{}, err
		}
		if kv.Key[0] == spaceChange {
			continue
		}
		if err := out.add(kv); err != nil {
			return Rev{}, err
		}
	}
	return etx.Rev(), out.finish()
}

type backupWriter struct {
	w     *bufio.Writer
	frame []byte
	sum   [sha256.Size]byte
}

func (b *backupWriter) add(kv KV) error {
	b.frame = binary.AppendUvarint(b.frame, uint64(len(kv.Key)))
	b.frame = append(b.frame, kv.Key...)
	b.frame = binary.AppendUvarint(b.frame, uint64(len(kv.Value)))
	b.frame = append(b.frame, kv.Value...)
	if len(b.frame) < backupFrame {
		return nil
	}
	return b.flush()
}

func (b *backupWriter) flush() error {
	b.sum = chained(b.sum, b.frame)
	size := binary.BigEndian.AppendUint32(nil, uint32(len(b.frame))) //nolint:gosec // at most maxFrame
	for _, part := range [][]byte{size, b.frame, b.sum[:]} {
		if _, err := b.w.Write(part); err != nil {
			return err
		}
	}
	b.frame = b.frame[:0]
	return nil
}

func (b *backupWriter) finish() error {
	if len(b.frame) > 0 {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if err := b.flush(); err != nil { // the empty frame
		return err
	}
	return b.w.Flush()
}

func chained(sum [sha256.Size]byte, frame []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(sum[:])
	h.Write(frame)
	h.Sum(sum[:0])
	return sum
}

// Restore fills an empty engine from a backup. Then open it with the root key of
// the store that was backed up. Revisions and the change log start anew: whoever
// kept a revision of the old store must scan its tables. After an error the engine holds a part and must
// be thrown away: it has no header and Open refuses it.
func Restore(ctx context.Context, e Engine, r io.Reader) error {
	in := bufio.NewReader(r)
	magic := make([]byte, len(backupMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != backupMagic {
		return fmt.Errorf("restore: this is not a backup that this version knows: %w", ErrCorrupt)
	}
	if err := mustBeEmpty(ctx, e); err != nil {
		return err
	}
	s := &restorer{e: e, in: in}
	for {
		frame, err := s.next()
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		if len(frame) == 0 {
			return s.finish(ctx)
		}
		if err := s.apply(ctx, frame); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
}

func mustBeEmpty(ctx context.Context, e Engine) error {
	etx, err := e.Begin(ctx, false)
	if err != nil {
		return err
	}
	defer etx.Discard()
	for _, err := range etx.Scan(Bounds{Lo: []byte{1}}) {
		return errors.Join(fmt.Errorf("restore into %s: it holds a store already: %w", e.Name(), ErrExists), err)
	}
	return nil
}

type restorer struct {
	e    Engine
	in   *bufio.Reader
	sum  [sha256.Size]byte
	head []byte // the header's value, written last
}

// next returns a frame whose digest is right.
func (s *restorer) next() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(s.in, size[:]); err != nil {
		return nil, fmt.Errorf("the backup ends early: %w", ErrCorrupt)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes: %w", n, ErrCorrupt)
	}
	frame := make([]byte, n)
	var sum [sha256.Size]byte
	if _, err := io.ReadFull(s.in, frame); err != nil {
		return nil, fmt.Errorf("the backup ends early: %w", ErrCorrupt)
	}
	if _, err := io.ReadFull(s.in, sum[:]); err != nil {
		return nil, fmt.Errorf("the backup ends early: %w", ErrCorrupt)
	}
	if s.sum = chained(s.sum, frame); s.sum != sum {
		return nil, fmt.Errorf("the backup's digest does not match: %w", ErrCorrupt)
	}
	return frame, nil
}

func (s *restorer) apply(ctx context.Context, frame []byte) error {
	etx, err := s.e.Begin(ctx, true)
	if err != nil {
		return err
	}
	defer etx.Discard()
	for len(frame) > 0 {
		var key, value []byte
		if key, frame, err = cut(frame); err != nil {
			return err
		}
		if value, frame, err = cut(frame); err != nil {
			return err
		}
		if bytes.Equal(key, headerKey()) {
			s.head = bytes.Clone(value)
			continue
		}
		if err := etx.Put(key, value); err != nil {
			return err
		}
	}
	return etx.Commit(false)
}

// finish writes the header, which makes the restored rows a store.
func (s *restorer) finish(ctx context.Context) error {
	if s.head == nil {
		return fmt.Errorf("restore: the backup has no header: %w", ErrCorrupt)
	}
	etx, err := s.e.Begin(ctx, true)
	if err != nil {
		return err
	}
	defer etx.Discard()
	if err := etx.Put(headerKey(), s.head); err != nil {
		return err
	}
	return etx.Commit(true)
}

func cut(frame []byte) (part, rest []byte, err error) {
	n, used := binary.Uvarint(frame)
	if used <= 0 || n > uint64(len(frame[used:])) {
		return nil, nil, fmt.Errorf("a pair within the backup: %w", ErrCorrupt)
	}
	frame = frame[used:]
	return frame[:n], frame[n:], nil
}
