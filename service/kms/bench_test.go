package kms_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// The benchmarks measure target, authorization and handler: all of a call but
// the wire, the signature and the event.

func BenchmarkEncrypt4KiB(b *testing.B) {
	d := newDirect(b)
	id := mustCall[kms.CreateKeyOutput](b, d, by(account), &kms.CreateKeyInput{}).KeyMetadata.Arn
	in := &kms.EncryptInput{KeyId: id, Plaintext: make([]byte, 4096)}
	b.ReportAllocs()
	for b.Loop() {
		mustCall[kms.EncryptOutput](b, d, by(account), in)
	}
}

func BenchmarkDecrypt(b *testing.B) {
	d := newDirect(b)
	id := mustCall[kms.CreateKeyOutput](b, d, by(account), &kms.CreateKeyInput{}).KeyMetadata.Arn
	blob := mustCall[kms.EncryptOutput](b, d, by(account), &kms.EncryptInput{KeyId: id, Plaintext: make([]byte, 32)}).CiphertextBlob
	in := &kms.DecryptInput{CiphertextBlob: blob}
	b.ReportAllocs()
	for b.Loop() {
		mustCall[kms.DecryptOutput](b, d, by(account), in)
	}
}

// BenchmarkDecryptGranted decrypts by a grant, the key's only one or one of many.
func BenchmarkDecryptGranted(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { decryptGranted(b, n) })
	}
}

func decryptGranted(b *testing.B, n int) {
	b.Helper()
	d := newDirect(b)
	key := mustCall[kms.CreateKeyOutput](b, d, by(account), &kms.CreateKeyInput{}).KeyMetadata
	for i := range n {
		mustCall[kms.CreateGrantOutput](b, d, by(account), grantTo(key, fmt.Sprint("user", i), "Decrypt"))
	}
	blob := mustCall[kms.EncryptOutput](b, d, by(account), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: make([]byte, 32)}).CiphertextBlob
	in := &kms.DecryptInput{CiphertextBlob: blob}
	caller := by(account)
	caller.Principal = &authz.Principal{Principal: iam.Principal{Kind: iam.User, ARN: userARN(account, fmt.Sprint("user", n/2)), Account: account, ID: "AIDAEXAMPLE"}}
	b.ReportAllocs()
	for b.Loop() {
		mustCall[kms.DecryptOutput](b, d, caller, in)
	}
}

func BenchmarkGenerateDataKey(b *testing.B) {
	d := newDirect(b)
	id := mustCall[kms.CreateKeyOutput](b, d, by(account), &kms.CreateKeyInput{}).KeyMetadata.KeyId
	in := &kms.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256}
	b.ReportAllocs()
	for b.Loop() {
		mustCall[kms.GenerateDataKeyOutput](b, d, by(account), in)
	}
}

func BenchmarkSignP256(b *testing.B) {
	d := newDirect(b)
	in := &kms.CreateKeyInput{KeySpec: types.KeySpecEccNistP256, KeyUsage: types.KeyUsageTypeSignVerify}
	id := mustCall[kms.CreateKeyOutput](b, d, by(account), in).KeyMetadata.KeyId
	sign := &kms.SignInput{KeyId: id, Message: make([]byte, 256), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256}
	b.ReportAllocs()
	for b.Loop() {
		mustCall[kms.SignOutput](b, d, by(account), sign)
	}
}

func BenchmarkCreateKey(b *testing.B) {
	d := newDirect(b)
	for b.Loop() {
		mustCall[kms.CreateKeyOutput](b, d, by(account), &kms.CreateKeyInput{})
	}
}
