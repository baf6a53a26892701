package s3

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/blob/sealed"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Keys is KMS, called on behalf of the call that ctx belongs to.
type Keys interface {
	GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error)
	Encrypt(ctx context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error)
}

// managedKey is the account's own key for S3, used where no other is named.
const managedKey = "alias/aws/s3"

// contextKey is S3's own part of the encryption context (S3 User Guide, "Encryption
// context").
const contextKey = "aws:s3:arn"

// bucketKeyLife is how long a bucket key serves one caller before KMS is asked again.
const bucketKeyLife = 5 * time.Minute

// A bucketKey is a key that KMS made for a bucket. It serves the caller that KMS let
// have it, for a while (S3 User Guide, "Reducing the cost of SSE-KMS").
type bucketKey struct {
	plain, wrapped []byte
	arn            string
	until          time.Time
}

// bucketKeyName is whose a bucket key is: made under key, or opened from wrapped.
type bucketKeyName struct{ principal, bucket, key, wrapped string }

// sealKMS has KMS make the object's secret, or takes one from a bucket key.
func (s *Service) sealKMS(ctx context.Context, h *held, key string, want encryption) (*sealing, *secrets, error) {
	extra, err := parseContext(want.context)
	if err != nil {
		return nil, nil, err
	}
	keyID := aws.ToString(want.keyID)
	if keyID == "" {
		keyID = managedKey
	}
	q := &sealing{Algorithm: want.algorithm, Context: extra}
	if aws.ToBool(want.bucketKey) {
		return s.sealByBucketKey(ctx, h, keyID, q)
	}
	out, err := s.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &keyID, KeySpec: kmstypes.DataKeySpecAes256,
		EncryptionContext: withARN(extra, objectARN(h.Name, key)),
	})
	if err != nil {
		return nil, nil, keyError(err)
	}
	q.Wrapped, q.KeyARN = out.CiphertextBlob, *out.KeyId
	open := &secrets{inner: out.Plaintext}
	if want.algorithm == types.ServerSideEncryptionAwsKmsDsse {
		q.Outer = newSecret()
		open.outer = q.Outer
	}
	return q, open, nil
}

func (s *Service) sealByBucketKey(ctx context.Context, h *held, keyID string, q *sealing) (*sealing, *secrets, error) {
	name := bucketKeyName{principal: wire.CallFrom(ctx).Principal.ARN, bucket: h.Name, key: keyID}
	k, ok := s.bucketKeys.Get(name)
	if !ok || !s.clock.Now().Before(k.until) {
		out, err := s.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
			KeyId: &keyID, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: withARN(nil, bucketARN(h.Name)),
		})
		if err != nil {
			return nil, nil, keyError(err)
		}
		k = &bucketKey{plain: out.Plaintext, wrapped: out.CiphertextBlob, arn: *out.KeyId, until: s.clock.Now().Add(bucketKeyLife)}
		s.bucketKeys.Put(name, k)
		s.bucketKeys.Put(k.openedName(name.principal, name.bucket), k)
	}
	secret := newSecret()
	inner, err := wrapSecret(k.plain, secret)
	if err != nil {
		return nil, nil, err
	}
	q.Wrapped, q.KeyARN, q.Inner = k.wrapped, k.arn, inner
	return q, &secrets{inner: secret}, nil
}

func (k *bucketKey) openedName(principal, bucket string) bucketKeyName {
	return bucketKeyName{principal: principal, bucket: bucket, wrapped: string(k.wrapped)}
}

// wrapSecret seals a secret under a bucket key, which serves many: the key is derived
// anew for each, from a salt that goes before the sealed secret.
func wrapSecret(bucketKey, secret []byte) ([]byte, error) {
	salt := newSecret()
	k, err := sealed.DeriveKey(bucketKey, "bucket key "+string(salt))
	if err != nil {
		return nil, err
	}
	b, err := sealed.SealSmall(&k, secret)
	return append(salt, b...), err
}

func unwrapSecret(bucketKey, inner []byte) ([]byte, error) {
	if len(inner) < sealed.KeySize {
		return nil, sealed.ErrDamaged
	}
	k, err := sealed.DeriveKey(bucketKey, "bucket key "+string(inner[:sealed.KeySize]))
	if err != nil {
		return nil, err
	}
	return sealed.OpenSmall(&k, inner[sealed.KeySize:])
}

// openKMS asks KMS for the secret, on the caller's behalf.
func (s *Service) openKMS(ctx context.Context, bucketName, key string, q *sealing) (*secrets, error) {
	if !q.bucketKey() {
		out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{
			CiphertextBlob: q.Wrapped, KeyId: &q.KeyARN, EncryptionContext: withARN(q.Context, objectARN(bucketName, key)),
		})
		if err != nil {
			return nil, keyError(err)
		}
		return &secrets{inner: out.Plaintext, outer: q.Outer}, nil
	}
	name := bucketKeyName{principal: wire.CallFrom(ctx).Principal.ARN, bucket: bucketName, wrapped: string(q.Wrapped)}
	k, ok := s.bucketKeys.Get(name)
	if !ok || !s.clock.Now().Before(k.until) {
		out, err := s.kms.Decrypt(ctx, &kms.DecryptInput{
			CiphertextBlob: q.Wrapped, KeyId: &q.KeyARN, EncryptionContext: withARN(nil, bucketARN(bucketName)),
		})
		if err != nil {
			return nil, keyError(err)
		}
		k = &bucketKey{plain: out.Plaintext, wrapped: q.Wrapped, arn: q.KeyARN, until: s.clock.Now().Add(bucketKeyLife)}
		s.bucketKeys.Put(name, k)
	}
	secret, err := unwrapSecret(k.plain, q.Inner)
	if err != nil {
		return nil, err
	}
	return &secrets{inner: secret}, nil
}

// withARN adds S3's part to a caller's encryption context.
func withARN(extra map[string]string, arn string) map[string]string {
	out := maps.Clone(extra)
	if out == nil {
		out = map[string]string{}
	}
	if out[contextKey] == "" {
		out[contextKey] = arn
	}
	return out
}

// parseContext reads x-amz-server-side-encryption-context: base64 of a flat JSON object.
func parseContext(text *string) (map[string]string, error) {
	if text == nil {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(*text)
	var out map[string]string
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		return nil, fail("InvalidArgument", "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map")
	}
	return out, nil
}

// keyError is what S3 makes of KMS's errors: its own denial, and KMS's codes with KMS's
// name before them (S3 User Guide, "Troubleshooting SSE-KMS").
func keyError(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err // a denial says itself why
	}
	code := api.ErrorCode()
	if strings.HasPrefix(code, "AccessDenied") {
		return refuse(http.StatusForbidden, "AccessDenied", api.ErrorMessage())
	}
	if !strings.HasPrefix(code, "KMS.") {
		code = "KMS." + code
	}
	return refuse(http.StatusBadRequest, code, api.ErrorMessage())
}
