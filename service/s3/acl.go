package s3

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// A grant lets a grantee do something, by an ACL.
type grant struct {
	// ID is an account's canonical id; URI names a group. One of them is set.
	ID         string           `cbor:"1,keyasint,omitempty"`
	URI        string           `cbor:"2,keyasint,omitempty"`
	Permission types.Permission `cbor:"3,keyasint"`
}

// grantHeaders are the x-amz-grant-… headers of a request.
type grantHeaders struct{ full, read, readACP, write, writeACP *string }

func (g grantHeaders) given() bool { return g != grantHeaders{} }

// canonicalID is the id by which ACLs name an account (AWS General Reference,
// "Canonical user ID"). It says nothing of the account's number.
func canonicalID(account string) string {
	sum := sha256.Sum256([]byte("garrison canonical user " + account))
	return hex.EncodeToString(sum[:])
}

// own decides who owns a version, and which ACL it has.
func (s *held) own(c *wire.Call, v *version, d description) error {
	v.Owner = s.Account
	if !s.aclsOff() {
		return nil
	}
	if d.grants.given() || d.acl != "" && d.acl != types.ObjectCannedACLBucketOwnerFullControl {
		return fail("AccessControlListNotSupported", "The bucket does not allow ACLs")
	}
	return nil
}
