package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// Sizes of what is sent and asked for, in bytes. A message as long as a digest
// does for all: KMS hashes what is longer, and hashing is no part of it.
const (
	plaintextSize = 4096 // the largest that Encrypt takes
	messageSize   = 32
	dataKeySize   = 32
	randomSize    = 1024 // the largest that GenerateRandom gives
)

// symmetric are the operations of a symmetric key, and GenerateRandom.
func symmetric() []operation {
	key, sealed := func(s *subject) members { return members{"KeyId": s.key} }, symmetricKey
	pair := func(s *subject) members { return members{"KeyId": s.key, "KeyPairSpec": "ECC_NIST_P256"} }
	dataKey := func(s *subject) members { return members{"KeyId": s.key, "KeySpec": "AES_256"} }
	decrypt := call("decrypt", "Decrypt", sealed).beside("aes-open")
	decrypt.members = ciphertext
	reEncrypt := call("re-encrypt", "ReEncrypt", sealed).beside("aes-reseal")
	reEncrypt.members = toItself
	return []operation{
		with(call("encrypt", "Encrypt", sealed).beside("aes-seal"), func(s *subject) members {
			return members{"KeyId": s.key, "Plaintext": make([]byte, plaintextSize)}
		}),
		decrypt, reEncrypt,
		with(call("generate-data-key", "GenerateDataKey", sealed).beside("data-key"), dataKey),
		with(call("generate-data-key-without", "GenerateDataKeyWithoutPlaintext", sealed).beside("data-key"), dataKey),
		with(call("generate-data-key-pair", "GenerateDataKeyPair", sealed).beside("pair-p256"), pair),
		with(call("generate-data-key-pair-without", "GenerateDataKeyPairWithoutPlaintext", sealed).beside("pair-p256"), pair),
		with(call("generate-random", "GenerateRandom", noKey).beside("random"), func(*subject) members {
			return members{"NumberOfBytes": randomSize}
		}),
		with(call("get-public-key", "GetPublicKey", p256Signs), key),
	}
}

func ciphertext(ctx context.Context, s *subject) (any, error) {
	out, err := s.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: s.key, Plaintext: make([]byte, plaintextSize)})
	if err != nil {
		return nil, err
	}
	return members{"KeyId": s.key, "CiphertextBlob": out.CiphertextBlob}, nil
}

// toItself reencrypts under the same key, with another context.
func toItself(ctx context.Context, s *subject) (any, error) {
	out, err := s.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: s.key, Plaintext: make([]byte, plaintextSize)})
	if err != nil {
		return nil, err
	}
	return members{
		"CiphertextBlob": out.CiphertextBlob, "SourceKeyId": s.key, "DestinationKeyId": s.key,
		"DestinationEncryptionContext": map[string]string{"stage": "after"},
	}, nil
}
