package iam

import (
	"errors"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A tally counts what an account has of one noun, so that its quota and its
// summary need no count of all rows. What an account has none of, has no row.
type tally struct {
	Account, Noun string
	Count         int
}

var tallies = store.NewTable("iam.tally", func(t *tally) store.Key { return store.K(t.Account, t.Noun) })

// The quotas of an account as AWS sets them before anyone asks for more (IAM
// User Guide, "IAM and AWS STS quotas").
const (
	maxUsers            = 5000
	maxGroupsOfAccount  = 300
	maxRoles            = 1000
	maxPolicies         = 1500
	maxVersionsInUse    = 10_000
	maxInstanceProfiles = 1000
	maxCertificates     = 20
)

// versionNoun counts the versions of an account's managed policies.
const versionNoun = "version"

// quotaOf returns the limit of a noun, and the name that AWS has for it.
func quotaOf(noun string) (name string, limit int) {
	switch noun {
	case users.noun:
		return "UsersPerAccount", maxUsers
	case groups.noun:
		return "GroupsPerAccount", maxGroupsOfAccount
	case roles.noun:
		return "RolesPerAccount", maxRoles
	case policyNoun:
		return "PoliciesPerAccount", maxPolicies
	case versionNoun:
		return "PolicyVersionsInUsePerAccount", maxVersionsInUse
	case instanceProfileNoun:
		return "InstanceProfilesPerAccount", maxInstanceProfiles
	case serverCertificateNoun:
		return "ServerCertificatesPerAccount", maxCertificates
	default:
		return "", 0 // counted, but without a quota
	}
}

// counted returns how many an account has.
func counted(tx *store.Tx, account, noun string) (*tally, error) {
	t, err := tallies.Get(tx, account, noun)
	if errors.Is(err, store.ErrNotFound) {
		return &tally{Account: account, Noun: noun}, nil
	}
	return t, err
}

// count counts by in, or out, and refuses what goes over the account's quota.
func count(tx *store.Tx, account, noun string, by int) error {
	t, err := counted(tx, account, noun)
	if err != nil {
		return err
	}
	t.Count += by
	if name, limit := quotaOf(noun); by > 0 && limit > 0 && t.Count > limit {
		return over(name, limit)
	}
	if t.Count == 0 {
		return tallies.Delete(tx, account, noun)
	}
	return tallies.Put(tx, t)
}
