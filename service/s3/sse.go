package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // the API identifies customer keys by it
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/blob/sealed"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A sealing is how an object's secret is kept; the bodies' keys are derived of the
// secret. Which of the fields are set tells the kind of server-side encryption.
type sealing struct {
	// Algorithm is AES256, aws:kms or aws:kms:dsse; empty with a customer's key.
	Algorithm types.ServerSideEncryption `cbor:"1,keyasint,omitempty"`
	// Secret is the secret itself (SSE-S3): the row is sealed by the store.
	Secret []byte `cbor:"2,keyasint,omitempty"`
	// Wrapped is KMS's ciphertext of the secret, or of the bucket key that Inner, the
	// secret, is sealed under.
	Wrapped []byte            `cbor:"3,keyasint,omitempty"`
	Inner   []byte            `cbor:"4,keyasint,omitempty"`
	KeyARN  string            `cbor:"5,keyasint,omitempty"`
	Context map[string]string `cbor:"6,keyasint,omitempty"` // the caller's part
	// Outer is the secret of the second layer (DSSE).
	Outer []byte `cbor:"7,keyasint,omitempty"`
	// Customer is the secret sealed under a customer's key, which Salt is mixed into;
	// KeyMD5 is what the answer repeats.
	Customer []byte `cbor:"8,keyasint,omitempty"`
	Salt     []byte `cbor:"9,keyasint,omitempty"`
	KeyMD5   string `cbor:"10,keyasint,omitempty"`
}

// bucketKey tells that a bucket key stands between KMS and the object.
func (s *sealing) bucketKey() bool { return s.Inner != nil }

// byKMS tells that KMS holds the secret's key.
func (s *sealing) byKMS() bool { return s.Wrapped != nil }

// secrets are what the keys of an object's bodies are derived of: one a layer.
type secrets struct{ inner, outer []byte }

// An encryption is what a request asks for, in its headers.
type encryption struct {
	algorithm types.ServerSideEncryption
	keyID     *string
	context   *string
	bucketKey *bool
	customer  customerKey
}

// A customerKey is the three headers of SSE-C.
type customerKey struct{ algorithm, key, md5 *string }

func (k customerKey) given() bool { return k.algorithm != nil || k.key != nil || k.md5 != nil }

// check returns the key's bytes.
func (k customerKey) check(ctx context.Context) ([]byte, error) {
	if err := secureEnough(ctx); err != nil {
		return nil, err
	}
	if aws.ToString(k.algorithm) != string(types.ServerSideEncryptionAes256) {
		return nil, fail("InvalidEncryptionAlgorithmError", "The encryption request that you specified is not valid. The valid value is AES256.")
	}
	if k.key == nil {
		return nil, fail("InvalidArgument", "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.")
	}
	if k.md5 == nil {
		return nil, fail("InvalidArgument", "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.")
	}
	key, err := base64.StdEncoding.DecodeString(*k.key)
	if err != nil || len(key) != sealed.KeySize {
		return nil, fail("InvalidArgument", "The secret key was invalid for the specified algorithm.")
	}
	sum := md5.Sum(key) //nolint:gosec // the API's own check
	if subtle.ConstantTimeCompare([]byte(base64.StdEncoding.EncodeToString(sum[:])), []byte(*k.md5)) != 1 {
		return nil, fail("InvalidArgument", "The calculated MD5 hash of the key did not match the hash that was provided.")
	}
	return key, nil
}

// secureEnough refuses a key that crosses a network in the clear. The loopback is no
// network.
func secureEnough(ctx context.Context) error {
	c := wire.CallFrom(ctx)
	addr, err := netip.ParseAddr(c.SourceIP)
	if c.Secure || err == nil && addr.Unmap().IsLoopback() {
		return nil
	}
	return fail("InvalidRequest", "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.")
}

// seal makes a new secret for an object, and keeps it as the request or the bucket says.
func (s *Service) seal(ctx context.Context, h *held, key string, want encryption) (*sealing, *secrets, error) {
	if want.customer.given() {
		return sealCustomer(ctx, h, want)
	}
	want, err := h.encryption(want)
	if err != nil {
		return nil, nil, err
	}
	if want.algorithm == types.ServerSideEncryptionAes256 {
		secret := newSecret()
		return &sealing{Algorithm: want.algorithm, Secret: secret}, &secrets{inner: secret}, nil
	}
	return s.sealKMS(ctx, h, key, want)
}

func newSecret() []byte {
	b := make([]byte, sealed.KeySize)
	rand.Read(b) //nolint:errcheck // it never fails
	return b
}

// sealCustomer keeps the secret under the customer's key, and not that key.
func sealCustomer(ctx context.Context, h *held, want encryption) (*sealing, *secrets, error) {
	if want.algorithm != "" || want.keyID != nil {
		return nil, nil, fail("InvalidArgument", "Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
	}
	if h.blocksCustomerKeys() {
		return nil, nil, refuse(http.StatusForbidden, "AccessDenied", "Access Denied: this bucket does not accept server-side encryption with customer-provided keys (SSE-C).")
	}
	key, err := want.customer.check(ctx)
	if err != nil {
		return nil, nil, err
	}
	secret, salt := newSecret(), newSecret()
	k, err := customerWrap(key, salt)
	if err != nil {
		return nil, nil, err
	}
	wrapped, err := sealed.SealSmall(k, secret)
	if err != nil {
		return nil, nil, err
	}
	return &sealing{Customer: wrapped, Salt: salt, KeyMD5: *want.customer.md5}, &secrets{inner: secret}, nil
}

// customerWrap is the key that a customer's key gives to one object.
func customerWrap(key, salt []byte) (*sealed.Key, error) {
	k, err := sealed.DeriveKey(key, "customer "+hex.EncodeToString(salt))
	return &k, err
}

// open returns an object's secrets. given are the request's SSE-C headers.
func (s *Service) open(ctx context.Context, bucket string, v *version, given customerKey) (*secrets, error) {
	q := &v.Sealing
	if q.Customer != nil {
		return openCustomer(ctx, q, given)
	}
	if given.given() {
		return nil, fail("InvalidRequest", "The encryption parameters are not applicable to this object.")
	}
	if q.byKMS() {
		return s.openKMS(ctx, bucket, v.Key, q)
	}
	return &secrets{inner: q.Secret}, nil
}

func openCustomer(ctx context.Context, q *sealing, given customerKey) (*secrets, error) {
	if !given.given() {
		return nil, fail("InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	}
	key, err := given.check(ctx)
	if err != nil {
		return nil, err
	}
	k, err := customerWrap(key, q.Salt)
	if err != nil {
		return nil, err
	}
	secret, err := sealed.OpenSmall(k, q.Customer)
	if err != nil {
		return nil, denied()
	}
	return &secrets{inner: secret}, nil
}

// encryption is what holds for an object that is put with the given headers: what the
// bucket's default adds where they say nothing.
func (s *settings) encryption(want encryption) (encryption, error) {
	rule := s.defaultEncryption()
	if want.algorithm == "" {
		if want.keyID != nil || want.context != nil {
			return want, fail("InvalidArgument", "The SSE-KMS headers need x-amz-server-side-encryption: aws:kms.")
		}
		want.algorithm, want.keyID = types.ServerSideEncryptionAes256, nil
		if d := rule.ApplyServerSideEncryptionByDefault; d != nil {
			want.algorithm, want.keyID = d.SSEAlgorithm, d.KMSMasterKeyID
		}
	}
	if want.bucketKey == nil {
		want.bucketKey = rule.BucketKeyEnabled
	}
	switch want.algorithm {
	case types.ServerSideEncryptionAes256:
		if want.keyID != nil || want.context != nil {
			return want, fail("InvalidArgument", "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
		}
	case types.ServerSideEncryptionAwsKms:
	case types.ServerSideEncryptionAwsKmsDsse:
		want.bucketKey = nil // DSSE knows no bucket keys
	default:
		return want, fail("InvalidEncryptionAlgorithmError", "The encryption request that you specified is not valid. The valid values are AES256, aws:kms and aws:kms:dsse.")
	}
	return want, nil
}

// defaultEncryption is the bucket's rule; SSE-S3 where its owner has set none.
func (s *settings) defaultEncryption() types.ServerSideEncryptionRule {
	if s.Encryption != nil && len(s.Encryption.Rules) > 0 {
		return s.Encryption.Rules[0]
	}
	return types.ServerSideEncryptionRule{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256},
		BucketKeyEnabled:                   aws.Bool(false),
	}
}

// blocksCustomerKeys tells that the bucket's owner has switched SSE-C off.
func (s *settings) blocksCustomerKeys() bool {
	b := s.defaultEncryption().BlockedEncryptionTypes
	if b == nil {
		return false
	}
	for _, t := range b.EncryptionType {
		if t == types.EncryptionTypeSseC {
			return true
		}
	}
	return false
}

// An encryptionAnswer is what answers say of a sealing.
type encryptionAnswer struct {
	algorithm         types.ServerSideEncryption
	keyID, context    *string
	bucketKey         *bool
	customerAlgorithm *string
	customerMD5       *string
}

func (s *sealing) answer() encryptionAnswer {
	if s.Customer != nil {
		return encryptionAnswer{customerAlgorithm: aws.String(string(types.ServerSideEncryptionAes256)), customerMD5: &s.KeyMD5}
	}
	a := encryptionAnswer{algorithm: s.Algorithm}
	if s.KeyARN != "" {
		a.keyID = &s.KeyARN
	}
	if s.bucketKey() {
		a.bucketKey = aws.Bool(true)
	}
	if s.Context != nil {
		b, err := json.Marshal(s.Context)
		if err == nil { // strings always have a JSON form
			a.context = aws.String(base64.StdEncoding.EncodeToString(b))
		}
	}
	return a
}
