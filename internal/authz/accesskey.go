package authz

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/garrison-cloud/garrison/internal/arn"
)

// Prefixes of access key ids, from the IAM User Guide, "IAM identifiers".
const (
	LongTermKey  = "AKIA" // a user's or root's own key
	TemporaryKey = "ASIA" // a key of temporary credentials
)

var keyEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// accountShift places the 40 bits of the account id in the first six bytes of a
// key id, below the bit that AWS sets for ids that carry an account.
const accountShift = 7

// NewAccessKeyID returns a fresh access key id that carries its account, as
// AWS's do, so that sts:GetAccessKeyInfo can read it back without a look-up.
func NewAccessKeyID(prefix, account string) string {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		panic("authz: account id " + account + " is not twelve digits: callers validate it")
	}
	var b [10]byte
	rand.Read(b[:])
	head := 1<<47 | n<<accountShift | uint64(b[5]&(1<<accountShift-1))
	var six [8]byte
	binary.BigEndian.PutUint64(six[:], head)
	copy(b[:6], six[2:])
	return prefix + keyEncoding.EncodeToString(b[:])
}

// AccountOf returns the account that an access key id carries. Keys made before
// ids carried accounts, and 12-digit ids of development mode, are told apart by
// their form; ok is false when the id carries none.
func AccountOf(accessKeyID string) (account string, ok bool) {
	if len(accessKeyID) != 20 {
		return "", false
	}
	b, err := keyEncoding.DecodeString(accessKeyID[4:])
	if err != nil {
		return "", false
	}
	var six [8]byte
	copy(six[2:], b[:6])
	head := binary.BigEndian.Uint64(six[:])
	if head>>47 != 1 {
		return "", false
	}
	account = fmt.Sprintf("%012d", head>>accountShift&(1<<40-1))
	return account, arn.IsAccount(account)
}
