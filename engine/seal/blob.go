package seal

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// A blob is what Seal gives and Open takes:
//
//	offset  length  what
//	     0       1  format version, 1
//	     1       1  key kind: 0 single-Region, 1 multi-Region
//	     2       5  account, big-endian
//	     7      16  key id
//	    23      32  material id
//	    55      16  salt, random
//	    71      12  nonce, random
//	    83     n+16 ciphertext and tag of AES-256-GCM
//
// The first 71 bytes are the header. It names no Region: key ids are random, so
// a single-Region key is found in its own Region's store and nowhere else,
// while a multi-Region key has one id, one account and the same materials
// wherever it is replicated, so that its blobs open there.
const (
	blobVersion  = 1
	kindSingle   = 0
	kindMulti    = 1
	accountAt    = 2
	keyAt        = 7
	materialAt   = 23
	saltAt       = 55
	saltSize     = 16
	headerSize   = saltAt + saltSize
	gcmOverhead  = 12 + 16
	overhead     = headerSize + gcmOverhead
	accountLimit = 1_000_000_000_000
	multiPrefix  = "mrk-"
)

// Limits of the KMS API, in bytes (PlaintextType, CiphertextType).
const (
	MaxPlaintext  = 4096
	MaxCiphertext = 6144
)

// Header names the key that sealed a blob. It is readable by anyone and
// authenticated: a changed header does not open.
type Header struct {
	// Account is the owner of the key, twelve digits.
	Account string
	// KeyID is a lower-case UUID, or mrk- and 32 lower-case hexadecimal digits.
	KeyID string
	// MaterialID is the material, of all that rotation gave the key.
	MaterialID MaterialID
	// Outer tells that a key store outside sealed the blob last: see Enclosed. It
	// is ParseBlob's to say, and not looked at by Seal and Enclose.
	Outer bool
}

// MaterialID names one material of a symmetric key. Its String is the API's
// KeyMaterialId.
type MaterialID [32]byte

// String returns 64 lower-case hexadecimal digits.
func (id MaterialID) String() string { return hex.EncodeToString(id[:]) }

// ParseMaterialID reads what String gives. Any other form is ErrInvalidHeader.
func ParseMaterialID(s string) (MaterialID, error) {
	var id MaterialID
	if len(s) != 2*len(id) || !lowerHex(s) {
		return id, fmt.Errorf("material id: %w", ErrInvalidHeader)
	}
	_, _ = hex.Decode(id[:], []byte(s))
	return id, nil
}

// ParseBlob reads the header of a blob, so that Decrypt can find the key. The
// header is a claim until Open has verified it. Any other bytes are
// ErrInvalidCiphertext.
func ParseBlob(b []byte) (Header, error) {
	outer := wellFormedOuter(b)
	if !outer && !wellFormed(b) {
		return Header{}, ErrInvalidCiphertext
	}
	return Header{
		Outer:      outer,
		Account:    formatAccount(accountOf(b)),
		KeyID:      formatKeyID(b[1], b[keyAt:materialAt]),
		MaterialID: MaterialID(b[materialAt:saltAt]),
	}, nil
}

// wellFormed reports whether Seal could have written b.
func wellFormed(b []byte) bool {
	return len(b) >= overhead && len(b) <= MaxCiphertext &&
		b[0] == blobVersion && b[1] <= kindMulti && accountOf(b) < accountLimit
}

func accountOf(b []byte) (n uint64) {
	for _, c := range b[accountAt:keyAt] {
		n = n<<8 | uint64(c)
	}
	return n
}

// put writes everything of the header but the salt.
func (h *Header) put(b *[headerSize]byte) error {
	account, ok := parseAccount(h.Account)
	if !ok {
		return fmt.Errorf("account: %w", ErrInvalidHeader)
	}
	kind, id, ok := parseKeyID(h.KeyID)
	if !ok {
		return fmt.Errorf("key id: %w", ErrInvalidHeader)
	}
	b[0], b[1] = blobVersion, kind
	for i := keyAt - 1; i >= accountAt; i-- {
		b[i] = byte(account)
		account >>= 8
	}
	copy(b[keyAt:], id[:])
	copy(b[materialAt:], h.MaterialID[:])
	return nil
}

func parseAccount(s string) (uint64, bool) {
	if len(s) != 12 || strings.TrimLeft(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

func formatAccount(n uint64) string {
	var b [12]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b[:])
}

// parseKeyID takes only the form that formatKeyID gives, so that each key has
// one name and each name one encoding.
func parseKeyID(s string) (kind byte, id [16]byte, ok bool) {
	digits, multi := strings.CutPrefix(s, multiPrefix)
	if multi {
		kind = kindMulti
	} else {
		if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return 0, id, false
		}
		digits = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(digits) != 2*len(id) || !lowerHex(digits) {
		return 0, id, false
	}
	_, _ = hex.Decode(id[:], []byte(digits))
	return kind, id, true
}

func formatKeyID(kind byte, id []byte) string {
	digits := hex.EncodeToString(id)
	if kind == kindMulti {
		return multiPrefix + digits
	}
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

func lowerHex(s string) bool { return strings.TrimLeft(s, "0123456789abcdef") == "" }
