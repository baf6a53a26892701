package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// A route is where keys are made and where their replicas go.
type route struct{ from, to *kms.Client }

// A replica is what one took: ReplicateKey itself, and from its answer until the
// replica could be used.
type replica struct{ call, after time.Duration }

// patience is how long one replica may take at all.
const patience = 30 * time.Second

// replicas makes o.n of them from o.callers.
func (r route) replicas(ctx context.Context, o options) ([]replica, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	all := make([]replica, o.n)
	var wg sync.WaitGroup
	for w := range o.callers {
		wg.Go(func() {
			for i := w; i < o.n; i += o.callers {
				var err error
				if all[i], err = r.replicate(ctx, o.poll); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return all, context.Cause(ctx)
}

// replicate makes one key and its replica.
func (r route) replicate(ctx context.Context, poll time.Duration) (replica, error) {
	out, err := r.from.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		return replica{}, fmt.Errorf("create the key: %w", err)
	}
	id, message := out.KeyMetadata.KeyId, []byte("sealed before there was a replica")
	sealed, err := r.from.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: message})
	if err != nil {
		return replica{}, fmt.Errorf("encrypt: %w", err)
	}
	begun := time.Now()
	if _, err := r.from.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: id, ReplicaRegion: aws.String(other)}); err != nil {
		return replica{}, fmt.Errorf("replicate the key: %w", err)
	}
	answered := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := until(ctx, poll, func() (bool, error) { return r.enabled(ctx, id) }); err != nil {
		return replica{}, fmt.Errorf("describe the replica: %w", err)
	}
	if err := until(ctx, poll, func() (bool, error) { return r.opens(ctx, id, sealed.CiphertextBlob, message) }); err != nil {
		return replica{}, fmt.Errorf("decrypt by the replica: %w", err)
	}
	return replica{answered.Sub(begun), time.Since(answered)}, nil
}

// until asks again and again until it is told yes.
func until(ctx context.Context, poll time.Duration, ask func() (bool, error)) error {
	for {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}

func (r route) enabled(ctx context.Context, id *string) (bool, error) {
	out, err := r.to.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
	if err != nil {
		return false, notYet(err)
	}
	return out.KeyMetadata.KeyState == types.KeyStateEnabled, nil
}

func (r route) opens(ctx context.Context, id *string, blob, want []byte) (bool, error) {
	out, err := r.to.Decrypt(ctx, &kms.DecryptInput{KeyId: id, CiphertextBlob: blob})
	if err != nil {
		return false, notYet(err)
	}
	if !bytes.Equal(out.Plaintext, want) {
		return false, errors.New("the replica opens something else")
	}
	return true, nil
}

// notYet lets pass that the replica is not there or not ready.
func notYet(err error) error {
	if _, ok := errors.AsType[*types.NotFoundException](err); ok {
		return nil
	}
	if _, ok := errors.AsType[*types.KMSInvalidStateException](err); ok {
		return nil
	}
	return err
}
