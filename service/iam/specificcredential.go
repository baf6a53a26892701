package iam

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A specificCredential lets a user into one service, beside access keys. Its
// secret is answered once; what is kept of it is enough to recognize it.
type specificCredential struct {
	Account, User, ID string
	Service           string
	// Name is the user name or, for API keys, the alias.
	Name string
	// Proof is the secret's SHA-256. The secret has 256 random bits, so that it
	// needs no slower hash.
	Proof   string
	Active  bool
	Created time.Time
	// Expires is zero for what does not.
	Expires time.Time
}

const (
	specificID = "ACCA"
	// maxSpecific is how many a user may have for each service (IAM API Reference,
	// CreateServiceSpecificCredential).
	maxSpecific = 2
)

var specificCredentials = store.NewTable("iam.specificcredential",
	func(c *specificCredential) store.Key { return store.K(c.Account, c.User, c.ID) })

func (s *Service) specificCredentialOperations() []wire.Operation {
	return []wire.Operation{
		op(on(s, users, func(in *iam.CreateServiceSpecificCredentialInput) *string { return in.UserName }), s.CreateServiceSpecificCredential),
		op(s.onSpecificCredentials, s.ListServiceSpecificCredentials),
		op(on(s, users, func(in *iam.ResetServiceSpecificCredentialInput) *string { return in.UserName }), s.ResetServiceSpecificCredential),
		op(on(s, users, func(in *iam.UpdateServiceSpecificCredentialInput) *string { return in.UserName }), s.UpdateServiceSpecificCredential),
		op(on(s, users, func(in *iam.DeleteServiceSpecificCredentialInput) *string { return in.UserName }), s.DeleteServiceSpecificCredential),
	}
}

// onSpecificCredentials asks for the action on one user, or on all of them.
func (s *Service) onSpecificCredentials(ctx context.Context, in *iam.ListServiceSpecificCredentialsInput) (authz.Target, error) {
	if in.AllUsers != nil && *in.AllUsers {
		return authz.On(users.named(wire.CallFrom(ctx).Account(), "/", "*")), nil
	}
	return on(s, users, func(in *iam.ListServiceSpecificCredentialsInput) *string { return in.UserName })(ctx, in)
}

// supported reports whether a service takes credentials of its own, and whether
// they are API keys rather than a user name and a password.
func supported(service string) (apiKey bool, err error) {
	switch service {
	case "codecommit.amazonaws.com", "cassandra.amazonaws.com":
		return false, nil
	case "bedrock.amazonaws.com", "logs.amazonaws.com":
		return true, nil
	default:
		return false, &types.ServiceNotSupportedException{Message: aws.String("The service " + service + " does not support service-specific credentials.")}
	}
}

// renew gives the credential another secret, and answers it.
func (c *specificCredential) renew() (secret string) {
	var b [32]byte
	rand.Read(b[:])
	secret = base64.StdEncoding.EncodeToString(b[:])
	c.Proof = digest([]byte(secret))
	return secret
}

// api is the credential with the secret that it has now.
func (c *specificCredential) api(u *user, secret string) (*types.ServiceSpecificCredential, error) {
	apiKey, err := supported(c.Service)
	out := &types.ServiceSpecificCredential{
		CreateDate: &c.Created, ServiceName: &c.Service, ServiceSpecificCredentialId: &c.ID, UserName: &u.Name, Status: c.status(c.Created),
	}
	if apiKey {
		out.ServiceCredentialAlias, out.ServiceCredentialSecret = &c.Name, &secret
	} else {
		out.ServiceUserName, out.ServicePassword = &c.Name, &secret
	}
	if !c.Expires.IsZero() {
		out.ExpirationDate = &c.Expires
	}
	return out, err
}

func (c *specificCredential) status(now time.Time) types.StatusType {
	if !c.Expires.IsZero() && !now.Before(c.Expires) {
		return types.StatusTypeExpired
	}
	return statusOf(c.Active)
}

// CreateServiceSpecificCredential makes a credential for one service. Its secret
// is answered this once.
func (s *Service) CreateServiceSpecificCredential(ctx context.Context, in *iam.CreateServiceSpecificCredentialInput) (*iam.CreateServiceSpecificCredentialOutput, error) {
	apiKey, err := supported(*in.ServiceName)
	if err != nil {
		return nil, err
	}
	if in.CredentialAgeDays != nil && !apiKey {
		return nil, invalid("CredentialAgeDays is only valid for Bedrock and CloudWatch Logs API keys.")
	}
	account := wire.CallFrom(ctx).Account()
	row := &specificCredential{
		Account: account, ID: authz.NewAccessKeyID(specificID, account), Service: *in.ServiceName, Active: true, Created: s.now(),
	}
	if in.CredentialAgeDays != nil {
		row.Expires = row.Created.AddDate(0, 0, int(*in.CredentialAgeDays))
	}
	secret := row.renew()
	out := &iam.CreateServiceSpecificCredentialOutput{}
	err = s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		have, err := ownedBy(tx, specificCredentials, u)
		if err != nil {
			return err
		}
		row.User = u.ID
		if err := row.christen(u, have); err != nil {
			return err
		}
		if out.ServiceSpecificCredential, err = row.api(u, secret); err != nil {
			return err
		}
		return specificCredentials.Insert(tx, row)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// christen gives the credential a name that the user's others for the service do
// not have, or refuses it if there are too many.
func (c *specificCredential) christen(u *user, have []*specificCredential) error {
	taken := map[string]bool{}
	for _, other := range have {
		if other.Service == c.Service {
			taken[other.Name] = true
		}
	}
	if len(taken) >= maxSpecific {
		return over("ServiceSpecificCredentialsPerUser", maxSpecific)
	}
	for i := range maxSpecific {
		if c.Name = u.Name + "-at-" + c.Account; i > 0 {
			c.Name = fmt.Sprintf("%s+%d-at-%s", u.Name, i, c.Account)
		}
		if !taken[c.Name] {
			break
		}
	}
	return nil
}

// ListServiceSpecificCredentials lists the credentials of a user, of the caller,
// or of all users, without secrets.
func (s *Service) ListServiceSpecificCredentials(ctx context.Context, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	p, err := newPager("iam.ListServiceSpecificCredentials", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	if in.ServiceName != nil {
		if _, err := supported(*in.ServiceName); err != nil {
			return nil, err
		}
	}
	out := &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{}}
	add := func(c *specificCredential, u *user) bool {
		at := fold(u.Name) + "\x00" + c.ID // in the order of the names, whatever is in them
		if at <= p.after || in.ServiceName != nil && *in.ServiceName != c.Service {
			return true
		}
		if !p.take(at) {
			return false
		}
		out.ServiceSpecificCredentials = append(out.ServiceSpecificCredentials, c.metadata(u, s.clock.Now()))
		return true
	}
	if in.AllUsers != nil && *in.AllUsers {
		if in.UserName != nil {
			return nil, invalid("UserName and AllUsers cannot be specified together.")
		}
		err = s.everyCredential(ctx, add)
	} else {
		err = s.viewUser(ctx, in.UserName, func(tx *store.Tx, u *user) error { return u.credentials(tx, add) })
	}
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// everyCredential calls add with the credentials of all users by name, until it
// has enough.
func (s *Service) everyCredential(ctx context.Context, add func(*specificCredential, *user) bool) error {
	account := wire.CallFrom(ctx).Account()
	return s.db.View(ctx, func(tx *store.Tx) error {
		for u, err := range users.table.ScanIndex(tx, byName, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			if err := u.credentials(tx, add); err != nil {
				return err
			}
		}
		return nil
	})
}

func (u *user) credentials(tx *store.Tx, add func(*specificCredential, *user) bool) error {
	all, err := ownedBy(tx, specificCredentials, u)
	for _, c := range all {
		if !add(c, u) {
			break
		}
	}
	return err
}

func (c *specificCredential) metadata(u *user, now time.Time) types.ServiceSpecificCredentialMetadata {
	out := types.ServiceSpecificCredentialMetadata{
		UserName: &u.Name, Status: c.status(now), CreateDate: &c.Created, ServiceName: &c.Service, ServiceSpecificCredentialId: &c.ID,
	}
	if apiKey, _ := supported(c.Service); apiKey {
		out.ServiceCredentialAlias = &c.Name
	} else {
		out.ServiceUserName = &c.Name
	}
	if !c.Expires.IsZero() {
		out.ExpirationDate = &c.Expires
	}
	return out
}

// specific reads a credential that the user must have.
func (u *user) specific(tx *store.Tx, id string) (*specificCredential, error) {
	c, err := specificCredentials.Get(tx, u.Account, u.ID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("No such credential " + strings.TrimSpace(id) + " exists.")
	}
	return c, err
}

// ResetServiceSpecificCredential gives a credential another secret, which is
// answered this once. The old one is worth nothing from then on.
func (s *Service) ResetServiceSpecificCredential(ctx context.Context, in *iam.ResetServiceSpecificCredentialInput) (*iam.ResetServiceSpecificCredentialOutput, error) {
	out := &iam.ResetServiceSpecificCredentialOutput{}
	err := s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		c, err := u.specific(tx, *in.ServiceSpecificCredentialId)
		if err != nil {
			return err
		}
		secret := c.renew()
		if out.ServiceSpecificCredential, err = c.api(u, secret); err != nil {
			return err
		}
		out.ServiceSpecificCredential.Status = c.status(s.clock.Now())
		return specificCredentials.Put(tx, c)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateServiceSpecificCredential switches a credential on or off.
func (s *Service) UpdateServiceSpecificCredential(ctx context.Context, in *iam.UpdateServiceSpecificCredentialInput) (*iam.UpdateServiceSpecificCredentialOutput, error) {
	active, err := switched(in.Status)
	if err != nil {
		return nil, err
	}
	err = s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		c, err := u.specific(tx, *in.ServiceSpecificCredentialId)
		if err != nil {
			return err
		}
		c.Active = active
		return specificCredentials.Put(tx, c)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateServiceSpecificCredentialOutput{}, nil
}

// DeleteServiceSpecificCredential deletes a credential.
func (s *Service) DeleteServiceSpecificCredential(ctx context.Context, in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	err := s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		c, err := u.specific(tx, *in.ServiceSpecificCredentialId)
		if err != nil {
			return err
		}
		return specificCredentials.Delete(tx, c.Account, c.User, c.ID)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteServiceSpecificCredentialOutput{}, nil
}
