package x509ca

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
)

// The algorithms of a private key sealed under a passphrase (RFC 8018).
var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

const (
	// stretch is how often PBKDF2 iterates: OWASP's count for HMAC-SHA-256.
	stretch = 600_000
	keySize = 32
)

type pbkdf2Params struct {
	Salt  []byte
	Count int
	PRF   pkix.AlgorithmIdentifier
}

type pbes2Params struct {
	KDF, Cipher struct {
		Algorithm asn1.ObjectIdentifier
		Params    asn1.RawValue
	}
}

type encryptedKey struct {
	Algorithm struct {
		Algorithm asn1.ObjectIdentifier
		Params    pbes2Params
	}
	Data []byte
}

// SealKey encrypts a key under a passphrase, as PKCS #8 in PEM: PBES2 with
// PBKDF2-HMAC-SHA-256 and AES-256-CBC (RFC 5958, RFC 8018).
func SealKey(key crypto.Signer, passphrase []byte) (string, error) {
	plain, err := MarshalKey(key)
	if err != nil {
		return "", fmt.Errorf("encode a private key: %w", err)
	}
	defer clear(plain)
	salt, iv := make([]byte, 16), make([]byte, aes.BlockSize)
	rand.Read(salt)
	rand.Read(iv)
	data, err := encryptCBC(plain, passphrase, salt, iv)
	if err != nil {
		return "", err
	}
	out, err := envelope(salt, iv, data)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: out})), nil
}

func encryptCBC(plain, passphrase, salt, iv []byte) ([]byte, error) {
	k, err := pbkdf2.Key(sha256.New, string(passphrase), salt, stretch, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	defer clear(k)
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("encrypt a private key: %w", err)
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	data := make([]byte, len(plain)+pad)
	copy(data, plain)
	for i := len(plain); i < len(data); i++ {
		data[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	return data, nil
}

func envelope(salt, iv, data []byte) ([]byte, error) {
	kdf, err := asn1.Marshal(pbkdf2Params{salt, stretch, pkix.AlgorithmIdentifier{Algorithm: oidHMACSHA256, Parameters: asn1.NullRawValue}})
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	vector, err := asn1.Marshal(iv)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	e := encryptedKey{Data: data}
	e.Algorithm.Algorithm = oidPBES2
	e.Algorithm.Params.KDF.Algorithm, e.Algorithm.Params.KDF.Params.FullBytes = oidPBKDF2, kdf
	e.Algorithm.Params.Cipher.Algorithm, e.Algorithm.Params.Cipher.Params.FullBytes = oidAES256CBC, vector
	out, err := asn1.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	return out, nil
}
