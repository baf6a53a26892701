package sigv4

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
)

// derivePublic makes SigV4A's public key of a secret: NIST SP 800-108's KDF in
// counter mode gives candidates, and FIPS 186-4 B.4.2 takes the first that is
// small enough.
func derivePublic(secret Secret, accessKeyID string) (*ecdsa.PublicKey, error) {
	limit := new(big.Int).Sub(elliptic.P256().Params().N, big.NewInt(2))
	for counter := 1; counter < 256; counter++ {
		c := new(big.Int).SetBytes(candidate(secret, accessKeyID, byte(counter)))
		// A candidate is used up to N-2; the private key is the next number.
		if c.Cmp(limit) >= 0 {
			continue
		}
		var d [32]byte
		c.Add(c, big.NewInt(1)).FillBytes(d[:])
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
		if err != nil {
			return nil, fmt.Errorf("derive the key of %s: %w", accessKeyID, err)
		}
		return &private.PublicKey, nil
	}
	return nil, fmt.Errorf("derive the key of %s: no candidate in 255 was a private key", accessKeyID)
}

func candidate(secret Secret, accessKeyID string, counter byte) []byte {
	h := hmac.New(sha256.New, []byte("AWS4A"+secret.key))
	h.Write(binary.BigEndian.AppendUint32(nil, 1))
	h.Write([]byte(SigV4A.String()))
	h.Write([]byte{0})
	h.Write([]byte(accessKeyID))
	h.Write([]byte{counter})
	h.Write(binary.BigEndian.AppendUint32(nil, 256))
	return h.Sum(nil)
}
