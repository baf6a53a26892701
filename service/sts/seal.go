package sts

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// A purpose keeps what was sealed for one use from being opened for another.
type purpose string

const (
	forSession purpose = "garrison sts session"
	forMessage purpose = "garrison sts message"
)

// A sealed text is base64url of a header and what AES-256-GCM makes of the rest:
//
//	version (1 byte) | generation of the key (4) | nonce (12) | ciphertext | tag (16)
//
// Header, purpose and owner are authenticated with it.
const (
	sealVersion  = 1
	sealHeader   = 5
	sealOverhead = sealHeader + 12 + 16
)

// errSealed says that a text is nothing that was sealed here. It tells no more,
// so that nobody learns from it how to make a better one.
var errSealed = errors.New("not a sealed text of this store")

// Strict, so that there is one text for one sealed value.
var sealEncoding = base64.RawURLEncoding.Strict()

// seal returns plain as a text that only unseal opens, for the same purpose and
// owner.
func (s *Service) seal(ctx context.Context, p purpose, owner string, plain []byte) (string, error) {
	k, err := s.sealer(ctx)
	if err != nil {
		return "", err
	}
	out := make([]byte, sealHeader, len(plain)+sealOverhead)
	out[0] = sealVersion
	binary.BigEndian.PutUint32(out[1:], k.generation)
	out = k.aead.Seal(out, nil, plain, additional(out, p, owner)) //nolint:gosec // NewGCMWithRandomNonce makes the nonce itself and takes none
	return sealEncoding.EncodeToString(out), nil
}

// unseal returns what was sealed. The error is errSealed, or that the store
// could not be read.
func (s *Service) unseal(ctx context.Context, p purpose, owner, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, errSealed
	}
	raw, err := sealEncoding.DecodeString(text)
	if err != nil || len(raw) < sealOverhead || raw[0] != sealVersion {
		return nil, errSealed
	}
	header, body := raw[:sealHeader], raw[sealHeader:]
	k, err := s.opener(ctx, binary.BigEndian.Uint32(header[1:]))
	if err != nil {
		return nil, err
	}
	plain, err := k.aead.Open(nil, nil, body, additional(header, p, owner))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// additional is what is authenticated beside the text. Only owner varies in
// length, and it comes last.
func additional(header []byte, p purpose, owner string) []byte {
	return fmt.Appendf(nil, "%s%s\x00%s", header, p, owner)
}
