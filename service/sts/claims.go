package sts

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// Claims are all that a session is. They travel in the session token; the
// numbers are part of its form.
type claims struct {
	Secret string `cbor:"1,keyasint"`

	Kind    iam.PrincipalKind `cbor:"2,keyasint"`
	ARN     string            `cbor:"3,keyasint"`
	Account string            `cbor:"4,keyasint"`
	ID      string            `cbor:"5,keyasint"`
	Name    string            `cbor:"6,keyasint,omitempty"`
	RoleARN string            `cbor:"7,keyasint,omitempty"`
	// Tags are those of the role or the user.
	Tags map[string]string `cbor:"8,keyasint,omitempty"`

	Issuer issuer `cbor:"9,keyasint"`
	// Created and Expires are seconds since 1970: the API tells no fractions.
	Created int64 `cbor:"10,keyasint"`
	Expires int64 `cbor:"11,keyasint"`

	SourceIdentity string `cbor:"12,keyasint,omitempty"`
	Given          given  `cbor:"13,keyasint"`
	// MFA tells that a second factor was verified for the session.
	MFA bool `cbor:"14,keyasint,omitempty"`
	// Provider is the OpenID Connect provider that vouched for the session's first
	// caller, Federated what condition keys tell of that caller ever after.
	Provider  string              `cbor:"15,keyasint,omitempty"`
	Federated map[string][]string `cbor:"16,keyasint,omitempty"`
}

// An issuer is what the credentials were derived from.
type issuer struct {
	_    struct{} `cbor:",toarray"`
	Kind string
	ARN  string
	ID   string
	Name string
}

// Given is what the caller gave for the session, or a session before it handed
// down. Its size is limited.
type given struct {
	// Policies that are empty, but not nil, allow nothing.
	Policies   []string          `cbor:"1,keyasint"`
	Tags       map[string]string `cbor:"2,keyasint,omitempty"`
	Transitive []string          `cbor:"3,keyasint,omitempty"`
	// Managed are the ARNs of policies that are read anew at each call, and count
	// like Policies.
	Managed []string `cbor:"4,keyasint,omitempty"`
}

var reading = func() cbor.DecMode {
	m, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

func parseClaims(plain []byte) (*claims, error) {
	c := new(claims)
	if err := reading.Unmarshal(plain, c); err != nil {
		return nil, fmt.Errorf("read the claims of a session token: %w", err)
	}
	return c, nil
}

// principal is who acts with the credentials.
func (c *claims) principal(accessKeyID string) *authz.Principal {
	return &authz.Principal{
		Principal:   iam.Principal{Kind: c.Kind, ARN: c.ARN, Account: c.Account, ID: c.ID, RoleARN: c.RoleARN, Provider: c.Provider},
		Name:        c.Name,
		AccessKeyID: accessKeyID,
		Tags:        overlay(c.Tags, c.Given.Tags),
		Session: &authz.Session{
			IssuerKind: c.Issuer.Kind, IssuerARN: c.Issuer.ARN, IssuerID: c.Issuer.ID, IssuerName: c.Issuer.Name,
			Created: time.Unix(c.Created, 0).UTC(), Expires: time.Unix(c.Expires, 0).UTC(),
			MFA: c.MFA, SourceIdentity: c.SourceIdentity,
			Policies: c.Given.Policies, Tags: c.Given.Tags, Transitive: c.Given.Transitive, Federated: c.Federated,
		},
	}
}

// overlay returns the tags of below with those of above over them. Keys that
// differ only in case are one key (IAM User Guide, "Pass session tags in AWS STS").
func overlay(below, above map[string]string) map[string]string {
	if len(above) == 0 {
		return below
	}
	out := maps.Clone(above)
	for k, v := range below {
		if _, taken := lookUp(above, k); !taken {
			out[k] = v
		}
	}
	return out
}

// lookUp finds a tag by its key, whatever the case.
func lookUp(tags map[string]string, key string) (string, bool) {
	if v, ok := tags[key]; ok {
		return v, true
	}
	for k, v := range tags {
		if strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}
