package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// RotateRoot adds a version to the root, makes it primary and wraps the store's
// data keys anew, while the store serves. Earlier versions stay for as long as
// backups need them. It fails on a root whose owner rotates it elsewhere; then,
// and for every further store under the same root, Rewrap does the rest.
func (db *DB) RotateRoot(ctx context.Context) error {
	r, ok := db.opts.Root.(RootRotator)
	if !ok {
		return fmt.Errorf("%s is not rotated from here", db.opts.Root.ID())
	}
	if err := r.Rotate(ctx); err != nil {
		return fmt.Errorf("rotate %s: %w", r.ID(), err)
	}
	return db.Rewrap(ctx)
}

// Rewrap wraps the header and all data keys under the root's primary version, in
// one transaction. No stored row changes.
func (db *DB) Rewrap(ctx context.Context) error {
	for {
		err := db.rewrap(ctx)
		if !errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
}

// rewrap asks the root, which may be slow, before it takes a writer's turn. It
// fails with ErrConflict when keys have come in between.
func (db *DB) rewrap(ctx context.Context) error {
	before, err := db.readKeys(ctx)
	if err != nil {
		return err
	}
	fresh := make([][]byte, len(before))
	for i, k := range before {
		if fresh[i], err = db.rewrapped(ctx, k); err != nil {
			return err
		}
	}
	head := db.head
	if head.Check, err = db.opts.Root.Wrap(ctx, head.associated(), head.ID[:]); err != nil {
		return err
	}
	headRaw, err := encoding.Marshal(head)
	if err != nil {
		return err
	}
	return db.replaceKeys(ctx, before, fresh, headRaw)
}

func (db *DB) readKeys(ctx context.Context) ([]storedKey, error) {
	etx, err := db.engine.Begin(ctx, false)
	if err != nil {
		return nil, err
	}
	defer etx.Discard()
	return storedKeys(etx)
}

func (db *DB) rewrapped(ctx context.Context, k storedKey) ([]byte, error) {
	aad := db.dataKeyAAD(k.Table)
	plain, err := db.opts.Root.Unwrap(ctx, aad, k.Blob)
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", k.id, err)
	}
	defer clear(plain)
	blob, err := db.opts.Root.Wrap(ctx, aad, plain)
	if err != nil {
		return nil, fmt.Errorf("data key %d: %w", k.id, err)
	}
	return encoding.Marshal(wrappedKey{Table: k.Table, Blob: blob})
}

func (db *DB) replaceKeys(ctx context.Context, before []storedKey, fresh [][]byte, head []byte) error {
	etx, err := db.engine.Begin(ctx, true)
	if err != nil {
		return err
	}
	defer etx.Discard()
	if err := etx.Lock(Scope{Table: partKeys}); err != nil {
		return err
	}
	now, err := storedKeys(etx)
	if err != nil {
		return err
	}
	if len(now) != len(before) {
		return ErrConflict
	}
	for i, k := range now {
		if !bytes.Equal(k.raw, before[i].raw) {
			return ErrConflict
		}
		if err := etx.Put(dataKeyKey(k.id), fresh[i]); err != nil {
			return err
		}
	}
	if err := etx.Put(headerKey(), head); err != nil {
		return err
	}
	return etx.Commit(true)
}
