package cloudwatchlogs

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// keyTime is how long an opened data key is used before KMS is asked again (User
	// Guide, "Encrypt log data": up to five minutes).
	keyTime = 5 * time.Minute
	// maxOpen bounds the opened keys.
	maxOpen = 4096
)

// An openKey is a data key that KMS has opened.
type openKey struct {
	aead  cipher.AEAD
	until time.Time
}

// bound is the encryption context of a group's data keys (User Guide, "Encrypt log
// data in CloudWatch Logs using AWS KMS").
func (s *Service) bound(account, name string) map[string]string {
	return map[string]string{"aws:logs:arn": s.groupARN(account, name)}
}

// newDataKey has KMS make a data key for a group, and sets it as the group's.
func (s *Service) newDataKey(ctx context.Context, g *group, key string) (*dataKey, error) {
	name := s.groupARN(g.Account, g.Name)
	refusal := invalid("The specified KMS key does not exist or is not allowed to be used with LogGroup '%s'", name)
	if !strings.HasPrefix(key, "arn:") {
		return nil, refusal // AWS takes the ARN of a key only
	}
	out, err := s.KMS.GenerateDataKey(ctx, Group{g.Account, name}, &kms.GenerateDataKeyInput{
		KeyId: &key, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: s.bound(g.Account, g.Name),
	})
	if refused(err) {
		return nil, refusal
	}
	if err != nil {
		return nil, fmt.Errorf("ask KMS: %w", err)
	}
	clear(out.Plaintext)
	g.KMSKey, g.DataKey = *out.KeyId, uuid.NewString()
	return &dataKey{Account: g.Account, Group: g.Name, ID: g.DataKey, Wrapped: out.CiphertextBlob}, nil
}

// key opens a data key of a group.
func (s *Service) key(ctx context.Context, account, name, id string) (cipher.AEAD, error) {
	now, at := s.Clock.Now(), account+"/"+name+"/"+id
	s.mu.Lock()
	k, ok := s.open[at]
	s.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.aead, nil
	}
	var row *dataKey
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		row, err = dataKeys.Get(tx, account, name, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the data key of %s: %w", name, err)
	}
	out, err := s.KMS.Decrypt(ctx, Group{account, s.groupARN(account, name)}, &kms.DecryptInput{CiphertextBlob: row.Wrapped, EncryptionContext: s.bound(account, name)})
	if refused(err) {
		return nil, invalid("The KMS key that is associated with the log group '%s' is not accessible.", s.groupARN(account, name))
	}
	if err != nil {
		return nil, fmt.Errorf("ask KMS: %w", err)
	}
	defer clear(out.Plaintext)
	cipherBlock, err := aes.NewCipher(out.Plaintext)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(cipherBlock)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxOpen {
		clear(s.open)
	}
	s.open[at] = openKey{aead, now.Add(keyTime)}
	return aead, nil
}

// associated is what a sealed block belongs to: moved elsewhere, it does not open.
func (b *block) associated() []byte {
	return []byte("garrison log block\x00" + b.Account + "\x00" + b.Group + "\x00" + b.Stream + "\x00" + strconv.FormatInt(b.First, 10) + "\x00" + strconv.FormatInt(b.Last, 10))
}

// fill puts events into a block: encoded, compressed and, with a key, sealed.
func (s *Service) fill(ctx context.Context, g *group, b *block, events []types.InputLogEvent) error {
	list := make([]entry, len(events))
	for i, e := range events {
		list[i] = entry{*e.Timestamp, *e.Message}
	}
	raw, err := cbor.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode log events: %w", err)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(zstd.MinWindowSize<<6))
	if err != nil {
		return err
	}
	b.Data = w.EncodeAll(raw, nil)
	if err := w.Close(); err != nil {
		return err
	}
	if g.DataKey == "" {
		return nil
	}
	aead, err := s.key(ctx, g.Account, g.Name, g.DataKey)
	if err != nil {
		return err
	}
	b.Key = g.DataKey
	b.Data = aead.Seal(nil, nil, b.Data, b.associated()) //nolint:gosec // the cipher draws its nonce itself
	return nil
}

// entries takes a block apart.
func (s *Service) entries(ctx context.Context, b *block) ([]entry, error) {
	data := b.Data
	if b.Key != "" {
		aead, err := s.key(ctx, b.Account, b.Group, b.Key)
		if err != nil {
			return nil, err
		}
		if data, err = aead.Open(nil, nil, data, b.associated()); err != nil {
			return nil, fmt.Errorf("open a block of %s: %w", b.Group, err)
		}
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(8<<20))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := r.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress a block of %s: %w", b.Group, err)
	}
	var out []entry
	if err := cbor.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("decode a block of %s: %w", b.Group, err)
	}
	return out, nil
}

// AssociateKmsKey seals what comes from now on under a key, or under another.
func (s *Service) AssociateKmsKey(ctx context.Context, in *cloudwatchlogs.AssociateKmsKeyInput) (*cloudwatchlogs.AssociateKmsKeyOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	sealed := &group{Account: p.account, Name: p.group}
	k, err := s.newDataKey(ctx, sealed, *in.KmsKeyId)
	if err != nil {
		return nil, err
	}
	err = s.edit(ctx, p, func(tx *store.Tx, g *group) error {
		g.KMSKey, g.DataKey = sealed.KMSKey, sealed.DataKey
		return dataKeys.Insert(tx, k)
	})
	return &cloudwatchlogs.AssociateKmsKeyOutput{}, err
}

// DisassociateKmsKey no longer seals what comes; what is there stays sealed.
func (s *Service) DisassociateKmsKey(ctx context.Context, in *cloudwatchlogs.DisassociateKmsKeyInput) (*cloudwatchlogs.DisassociateKmsKeyOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	err = s.edit(ctx, p, func(_ *store.Tx, g *group) error {
		g.KMSKey, g.DataKey = "", ""
		return nil
	})
	return &cloudwatchlogs.DisassociateKmsKeyOutput{}, err
}
