package sqs

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// dataKeys are data keys in the clear, for as long as the queue's reuse period says:
// meanwhile KMS is not asked again by the same principal.
type dataKeys struct {
	mu sync.Mutex
	// held is guarded by mu, by queue, KMS key and principal, or by wrapped key and
	// principal.
	held map[string]*heldKey
}

// A heldKey is one data key and until when it may be used.
type heldKey struct {
	plain, wrapped []byte
	until          time.Time
}

// maxHeld bounds the keys that are held at once.
const maxHeld = 4096

func (d *dataKeys) get(name string, now time.Time) *heldKey {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.held[name]
	if k == nil || !now.Before(k.until) {
		return nil
	}
	return k
}

func (d *dataKeys) put(name string, k *heldKey, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.held) >= maxHeld {
		for other, old := range d.held {
			if !now.Before(old.until) {
				delete(d.held, other)
			}
		}
	}
	if len(d.held) < maxHeld {
		d.held[name] = k
	}
}

// bound ties a data key to a queue (SQS Developer Guide, "Encryption context").
func bound(queueARN string) map[string]string { return map[string]string{"aws:sqs:arn": queueARN} }

// keyName is the queue's KMS key as any caller has to name it.
func (s *Service) keyName(q *queue) string {
	key := q.Settings.KMSKey
	switch {
	case strings.HasPrefix(key, "arn:"):
		return key
	case strings.HasPrefix(key, "alias/"):
		return arn.New("kms", s.region, q.Account, key)
	default:
		return arn.New("kms", s.region, q.Account, "key/"+key)
	}
}

// seal encrypts the bodies under the queue's KMS key, if it has one. All else is
// sealed by the store alone.
func (s *Service) seal(ctx context.Context, q *queue, letters []*letter) error {
	if q.Settings.KMSKey == "" {
		return nil
	}
	key, err := s.sealingKey(ctx, q)
	if err != nil {
		return err
	}
	aead, err := newAEAD(key.plain)
	if err != nil {
		return err
	}
	for _, l := range letters {
		l.Body = aead.Seal(nil, nil, l.Body, []byte(l.ID)) //nolint:gosec // this AEAD makes its own random nonce and takes none
		l.Key = &messageKey{Wrapped: key.wrapped, Queue: q.arn(s.region), Message: l.ID}
	}
	return nil
}

func (s *Service) sealingKey(ctx context.Context, q *queue) (*heldKey, error) {
	name, now := s.keyName(q), s.clock.Now()
	place := strings.Join([]string{q.ID, name, wire.CallFrom(ctx).Principal.ARN}, "\x00")
	if k := s.keys.get(place, now); k != nil {
		return k, nil
	}
	out, err := s.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &name, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: bound(q.arn(s.region)),
	})
	if err != nil {
		return nil, ofKMS(err)
	}
	// A sender must be able to read what it sends (SQS Developer Guide, "Configuring
	// KMS permissions for producers": kms:GenerateDataKey and kms:Decrypt).
	if err := s.mayOpen(ctx, out.CiphertextBlob, q.arn(s.region)); err != nil {
		return nil, err
	}
	k := &heldKey{plain: out.Plaintext, wrapped: out.CiphertextBlob, until: now.Add(seconds(q.Settings.KeyReuse))}
	s.keys.put(place, k, now)
	return k, nil
}

func (s *Service) mayOpen(ctx context.Context, wrapped []byte, queueARN string) error {
	out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: wrapped, EncryptionContext: bound(queueARN)})
	if err != nil {
		return ofKMS(err)
	}
	clear(out.Plaintext)
	return nil
}

// open returns a message's body in the clear.
func (s *Service) open(ctx context.Context, q *queue, m *message) ([]byte, error) {
	if m.Key == nil {
		return m.Body, nil
	}
	now := s.clock.Now()
	sum := sha256.Sum256(m.Key.Wrapped)
	place := strings.Join([]string{string(sum[:]), m.Key.Queue, wire.CallFrom(ctx).Principal.ARN}, "\x00")
	k := s.keys.get(place, now)
	if k == nil {
		out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: m.Key.Wrapped, EncryptionContext: bound(m.Key.Queue)})
		if err != nil {
			return nil, ofKMS(err)
		}
		k = &heldKey{plain: out.Plaintext, until: now.Add(seconds(q.Settings.KeyReuse))}
		s.keys.put(place, k, now)
	}
	aead, err := newAEAD(k.plain)
	if err != nil {
		return nil, err
	}
	body, err := aead.Open(nil, nil, m.Body, []byte(m.Key.Message))
	if err != nil {
		return nil, fmt.Errorf("open message %s: %w", m.ID, err)
	}
	return body, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("data key of a queue: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
