package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

// Generate makes an AES-256 key in the token: sensitive, never extractable, for
// encryption and decryption alone. The id is its CKA_ID, 1 to 255 bytes; the label
// is for people. It returns ErrExists where the token has an AES key of that id.
func (t *Token) Generate(ctx context.Context, label string, id []byte) error {
	_, err := t.do(ctx, &frame.Request{Op: frame.Generate, Label: label, ID: id})
	return err
}

// Exists says whether the token has an AES key of that id, fit for use or not.
func (t *Token) Exists(ctx context.Context, id []byte) (bool, error) {
	res, err := t.do(ctx, &frame.Request{Op: frame.Exists, ID: id})
	return res.Number > 0, err
}

// Encrypt seals up to MaxPlaintext bytes by AES-256-GCM in the token, bound to up
// to MaxAAD bytes of aad, and returns IV ‖ ciphertext ‖ tag, Overhead bytes more.
// The IV is fresh for each call. It returns ErrNoKey, ErrUnfit or ErrTooLarge.
func (t *Token) Encrypt(ctx context.Context, id, plaintext, aad []byte) ([]byte, error) {
	res, err := t.do(ctx, &frame.Request{Op: frame.Encrypt, ID: id, Data: plaintext, AAD: aad})
	return res.Data, err
}

// Decrypt opens what Encrypt sealed under the same key and aad. It returns
// ErrInvalidCiphertext where they are others or sealed was changed, ErrNoKey or ErrUnfit.
func (t *Token) Decrypt(ctx context.Context, id, sealed, aad []byte) ([]byte, error) {
	if len(sealed) > MaxPlaintext+Overhead {
		return nil, ErrInvalidCiphertext // Encrypt makes none of this length
	}
	res, err := t.do(ctx, &frame.Request{Op: frame.Decrypt, ID: id, Data: sealed, AAD: aad})
	return res.Data, err
}

// Delete destroys the key for good. It returns ErrNoKey where there is none, and
// ErrUnfit where several share the id.
func (t *Token) Delete(ctx context.Context, id []byte) error {
	_, err := t.do(ctx, &frame.Request{Op: frame.Delete, ID: id})
	return err
}

// Random returns n bytes, 0 to MaxRandom, of the token's own generator.
func (t *Token) Random(ctx context.Context, n int) ([]byte, error) {
	if n < 0 || n > MaxRandom {
		return nil, fmt.Errorf("%d random bytes: %w", n, ErrTooLarge)
	}
	res, err := t.do(ctx, &frame.Request{Op: frame.Random, Number: uint32(n)})
	if err == nil && len(res.Data) != n {
		return nil, fmt.Errorf("the token gave %d random bytes of %d", len(res.Data), n)
	}
	return res.Data, err
}

// Keys counts the AES keys that the token keeps and its user sees, also those
// that others made.
func (t *Token) Keys(ctx context.Context) (int, error) {
	res, err := t.do(ctx, &frame.Request{Op: frame.Keys})
	return int(res.Number), err
}

// Healthy returns nil where the token answers and the login holds. It starts the
// helper again where that died.
func (t *Token) Healthy(ctx context.Context) error {
	_, err := t.do(ctx, &frame.Request{Op: frame.Healthy})
	return err
}

// do runs one call on the living helper. A call is never repeated by itself: a
// Generate whose answer was lost may have happened.
func (t *Token) do(ctx context.Context, r *frame.Request) (frame.Response, error) {
	if err := within(r); err != nil {
		return frame.Response{}, err
	}
	select {
	case t.calls <- struct{}{}:
		defer func() { <-t.calls }()
	case <-ctx.Done():
		return frame.Response{}, ctx.Err()
	}
	p, err := t.running(ctx)
	if err != nil {
		return frame.Response{}, lost(err)
	}
	limited, cancel := context.WithTimeoutCause(ctx, t.cfg.Timeout, errSilent)
	defer cancel()
	res, err := p.call(limited, r)
	if err != nil {
		if ctx.Err() == nil && errors.Is(context.Cause(limited), errSilent) {
			t.cfg.Logger.Warn("pkcs11 helper killed: no answer in time", "pid", p.pid())
			p.kill()
			return frame.Response{}, fmt.Errorf("no answer in %v: %w", t.cfg.Timeout, ErrGone)
		}
		return frame.Response{}, err
	}
	if err := verdict(res); err != nil {
		return frame.Response{}, err
	}
	return res, nil
}

var errSilent = errors.New("the token does not answer")

// lost adds ErrGone to what went wrong with a restart, so that callers of a token
// that was open once need to know only that.
func lost(err error) error {
	if errors.Is(err, ErrGone) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

// within holds a request to the limits before it is sent.
func within(r *frame.Request) error {
	named := r.Op != frame.Random && r.Op != frame.Keys && r.Op != frame.Healthy
	switch {
	case named && (len(r.ID) == 0 || len(r.ID) > frame.MaxID):
		return fmt.Errorf("an id of %d bytes: %w", len(r.ID), ErrTooLarge)
	case len(r.Label) > frame.MaxLabel:
		return fmt.Errorf("a label of %d bytes: %w", len(r.Label), ErrTooLarge)
	case r.Op == frame.Encrypt && len(r.Data) > MaxPlaintext:
		return fmt.Errorf("a plaintext of %d bytes: %w", len(r.Data), ErrTooLarge)
	case len(r.AAD) > MaxAAD:
		return fmt.Errorf("additional data of %d bytes: %w", len(r.AAD), ErrTooLarge)
	}
	return nil
}

// verdict turns an answer's status into an error.
func verdict(res frame.Response) error {
	var sentinel error
	switch res.Status {
	case frame.OK:
		return nil
	case frame.NoModule:
		sentinel = ErrNoModule
	case frame.NoToken:
		sentinel = ErrNoToken
	case frame.WrongPIN:
		sentinel = ErrPIN
	case frame.LockedPIN:
		sentinel = ErrPINLocked
	case frame.NoKey:
		sentinel = ErrNoKey
	case frame.KeyExists:
		sentinel = ErrExists
	case frame.Unfit:
		sentinel = ErrUnfit
	case frame.Invalid:
		sentinel = ErrInvalidCiphertext
	case frame.Gone:
		sentinel = ErrGone
	case frame.Failed, frame.BadRequest, frame.BadVersion:
		return fmt.Errorf("the token refused (status %d): %s", res.Status, res.Text)
	}
	if res.Text == "" {
		return sentinel
	}
	return fmt.Errorf("%w: %s", sentinel, res.Text)
}
