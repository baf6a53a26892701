package main

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var (
	p256Signs  = keyKind{types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify}
	p256Agrees = keyKind{types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement}
	hmac256    = keyKind{types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac}
)

// A scheme is how a key of a spec signs; name is also that of the primitives it is
// compared with.
type scheme struct {
	name      string
	spec      types.KeySpec
	algorithm types.SigningAlgorithmSpec
	kind      types.MessageType
	size      int // of the message
}

func schemes() []scheme {
	const digest, raw = types.MessageTypeDigest, types.MessageTypeRaw
	return []scheme{
		{"rsa2048-pss", types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPssSha256, digest, 32},
		{"p256", types.KeySpecEccNistP256, types.SigningAlgorithmSpecEcdsaSha256, digest, 32},
		{"p384", types.KeySpecEccNistP384, types.SigningAlgorithmSpecEcdsaSha384, digest, 48},
		{"p521", types.KeySpecEccNistP521, types.SigningAlgorithmSpecEcdsaSha512, digest, 64},
		{"secp256k1", types.KeySpecEccSecgP256k1, types.SigningAlgorithmSpecEcdsaSha256, digest, 32},
		{"ed25519", types.KeySpecEccNistEdwards25519, types.SigningAlgorithmSpecEd25519Sha512, raw, messageSize},
		{"mldsa65", types.KeySpecMlDsa65, types.SigningAlgorithmSpecMlDsaShake256, raw, messageSize},
	}
}

// signatures are Sign and Verify of every scheme, and DeriveSharedSecret.
func signatures() []operation {
	var out []operation
	for _, s := range schemes() {
		key := keyKind{s.spec, types.KeyUsageTypeSignVerify}
		verify := call("verify-"+s.name, "Verify", key).beside("verify-" + s.name)
		verify.members = s.signed
		out = append(out, with(call("sign-"+s.name, "Sign", key).beside("sign-"+s.name), s.request), verify)
	}
	agree := call("derive-shared-secret", "DeriveSharedSecret", p256Agrees).beside("ecdh-p256")
	agree.members = peer
	return append(out, agree)
}

func (s scheme) request(on *subject) members {
	return members{"KeyId": on.key, "Message": make([]byte, s.size), "MessageType": s.kind, "SigningAlgorithm": s.algorithm}
}

func (s scheme) signed(ctx context.Context, on *subject) (any, error) {
	out, err := on.kms.Sign(ctx, &kms.SignInput{KeyId: on.key, Message: make([]byte, s.size), MessageType: s.kind, SigningAlgorithm: s.algorithm})
	if err != nil {
		return nil, err
	}
	m := s.request(on)
	m["Signature"] = out.Signature
	return m, nil
}

// peer is an agreement with a key that is made here.
func peer(_ context.Context, on *subject) (any, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(private.PublicKey())
	return members{"KeyId": on.key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": der}, err
}

// macs are GenerateMac and VerifyMac.
func macs() []operation {
	request := func(s *subject) members {
		return members{"KeyId": s.key, "Message": make([]byte, messageSize), "MacAlgorithm": types.MacAlgorithmSpecHmacSha256}
	}
	verify := call("verify-mac", "VerifyMac", hmac256).beside("verify-mac")
	verify.members = func(ctx context.Context, s *subject) (any, error) {
		out, err := s.kms.GenerateMac(ctx, &kms.GenerateMacInput{
			KeyId: s.key, Message: make([]byte, messageSize), MacAlgorithm: types.MacAlgorithmSpecHmacSha256,
		})
		if err != nil {
			return nil, err
		}
		m := request(s)
		m["Mac"] = out.Mac
		return m, nil
	}
	return []operation{with(call("generate-mac", "GenerateMac", hmac256).beside("mac"), request), verify}
}
