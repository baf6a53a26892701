// Package page makes the opaque tokens that paged operations hand out. A token
// says where the next page begins and which list it belongs to; it gives no
// access: every page is authorized and bounded to the caller's account anew.
package page

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
)

// ErrInvalid is returned for a token that was not made for this list, or was damaged.
var ErrInvalid = errors.New("page: invalid token")

// MaxToken bounds a token's length in bytes: a store key and its frame.
const MaxToken = 4096

const sumSize = 8

// Token returns a token of the list named by kind (such as "kms.ListKeys") that
// goes on behind the position after.
func Token(kind string, after []byte) string {
	sum := checksum(kind, after)
	return base64.RawURLEncoding.EncodeToString(append(sum[:sumSize:sumSize], after...))
}

// Position returns the position that a token carries, or ErrInvalid.
func Position(kind, token string) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, ErrInvalid
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < sumSize {
		return nil, ErrInvalid
	}
	sum := checksum(kind, b[sumSize:])
	if subtle.ConstantTimeCompare(sum[:sumSize], b[:sumSize]) != 1 {
		return nil, ErrInvalid
	}
	return b[sumSize:], nil
}

func checksum(kind string, after []byte) [sha256.Size]byte {
	b := make([]byte, 0, len(kind)+1+len(after))
	b = append(b, kind...)
	b = append(b, 0)
	return sha256.Sum256(append(b, after...))
}
