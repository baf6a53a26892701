package ssm

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	maxVersions = 100
	// maxTries is how often a SecureString is sealed anew when another change came
	// between.
	maxTries = 3
)

// errStale tells that a value was sealed for another tier or key than the
// parameter has by now.
var errStale = errors.New("sealed for what the parameter was")

// A change is a PutParameter as it was asked for, and the value that it stores.
type change struct {
	in      *ssm.PutParameterInput
	account string
	name    string
	region  string
	by      string // the caller's ARN
	tags    map[string]string
	rules   []rule // nil: keep those that are
	// sealed is what the value of a SecureString became, for the tier and the key.
	sealed []byte
	tier   types.ParameterTier
	keyID  string
}

// PutParameter makes a parameter, or a version of one.
func (s *Service) PutParameter(ctx context.Context, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	call := wire.CallFrom(ctx)
	c := &change{in: in, account: call.Account(), name: strings.TrimSpace(*in.Name), region: s.region, by: call.Principal.ARN}
	if err := c.check(s.clock.Now()); err != nil {
		return nil, err
	}
	for range maxTries {
		p, err := s.put(ctx, c)
		if errors.Is(err, errStale) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !p.due().IsZero() {
			s.worker.Wake()
		}
		return &ssm.PutParameterOutput{Version: p.Latest.Number, Tier: p.Latest.Tier}, nil
	}
	return nil, tooManyUpdates()
}

// put seals the value if it has to be, and stores it.
func (s *Service) put(ctx context.Context, c *change) (*parameter, error) {
	if c.in.Type == types.ParameterTypeSecureString || c.in.Type == "" {
		if err := s.sealFor(ctx, c); err != nil {
			return nil, err
		}
	}
	var p *parameter
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		var old *parameter
		if p, old, err = s.plan(tx, c); err != nil {
			return err
		}
		if p.secure() && (c.sealed == nil || p.Latest.Tier != c.tier || p.Latest.KeyID != c.keyID) {
			return errStale
		}
		if p.secure() {
			p.Latest.Value = c.sealed
		}
		return s.keep(tx, p, old)
	})
	return p, err
}

// sealFor has KMS seal the value, if what the change comes to is a SecureString.
func (s *Service) sealFor(ctx context.Context, c *change) error {
	var p *parameter
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, _, err = s.plan(tx, c)
		return err
	})
	if err != nil || !p.secure() {
		return err
	}
	c.tier, c.keyID = p.Latest.Tier, p.Latest.KeyID
	c.sealed, err = s.seal(ctx, &p.Latest, p.arn(), []byte(*c.in.Value))
	return err
}

// plan is the parameter as the change makes it, and as it is: nil if it is new.
func (s *Service) plan(tx *store.Tx, c *change) (p, old *parameter, err error) {
	r := reference{account: c.account, name: c.name}
	old, err = parameters.Get(tx, r.account, r.path())
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && old.gone(tx.Now()):
		p, err = s.fresh(tx, c)
		return p, old, err
	case err != nil:
		return nil, nil, err
	}
	if !aws.ToBool(c.in.Overwrite) || !r.leadsTo(old) {
		return nil, nil, &types.ParameterAlreadyExists{
			Message: aws.String("The parameter already exists. To overwrite this value, set the overwrite option in the request to true."),
		}
	}
	p, err = s.next(tx, c, old)
	return p, old, err
}

// fresh is a new parameter's row.
func (s *Service) fresh(tx *store.Tx, c *change) (*parameter, error) {
	if c.in.Type == "" {
		return nil, invalid("A parameter type is required when you create a parameter.")
	}
	p := &parameter{
		Account: c.account, Path: strings.TrimPrefix(c.name, "/"), Rooted: strings.HasPrefix(c.name, "/"), Region: c.region,
		Oldest: 1, Tags: c.tags, Rules: c.rules,
		Latest: version{Type: c.in.Type, DataType: textType},
	}
	if p.secure() {
		p.Latest.KeyID = defaultKey
	}
	return p, s.complete(tx, c, p)
}

// next is the row of a parameter with one version more.
func (s *Service) next(tx *store.Tx, c *change, old *parameter) (*parameter, error) {
	if c.in.Type != "" && c.in.Type != old.Latest.Type {
		return nil, &types.HierarchyTypeMismatchException{Message: aws.String(
			"Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a parameter " +
				"from a String type to a SecureString type. You must create a new, unique parameter.")}
	}
	p := *old
	if c.rules != nil {
		p.Rules = c.rules
	}
	return &p, s.complete(tx, c, &p)
}

// complete gives the latest version what the change says, and checks the whole.
func (s *Service) complete(tx *store.Tx, c *change, p *parameter) error {
	v := &p.Latest
	v.Number++
	v.Modified, v.By = tx.Now(), c.by
	for _, f := range []struct {
		from *string
		to   *string
	}{
		{c.in.KeyId, &v.KeyID},
		{c.in.Description, &v.Description},
		{c.in.AllowedPattern, &v.AllowedPattern},
		{c.in.DataType, &v.DataType},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if v.DataType == "" {
		v.DataType = textType
	}
	if err := s.setTier(tx, c, p); err != nil {
		return err
	}
	p.Rules = replanned(p.Rules, v.Modified)
	v.Value = []byte(*c.in.Value)
	return p.check(c)
}

// keep stores the row, the version that it takes the place of, and the event.
func (s *Service) keep(tx *store.Tx, p, old *parameter) error {
	operation := "Update"
	switch {
	case old == nil, p.Latest.Number == 1:
		operation = "Create"
		if old != nil { // it has expired, and Run has not come to it yet
			if err := s.fire(tx, old); err != nil {
				return err
			}
		}
		if err := count(tx, p, 1); err != nil {
			return err
		}
	default:
		if err := p.retire(tx, old); err != nil {
			return err
		}
	}
	if err := parameters.Put(tx, p); err != nil {
		return err
	}
	return s.tellChange(tx, p, operation)
}

// retire keeps the version that is no longer the latest, and drops the oldest one
// where there are too many.
func (p *parameter) retire(tx *store.Tx, old *parameter) error {
	if old.Latest.Tier != p.Latest.Tier {
		if err := count(tx, old, -1); err != nil {
			return err
		}
		if err := count(tx, p, 1); err != nil {
			return err
		}
	}
	v := old.Latest
	v.Account, v.Path = p.Account, p.Path
	if err := versions.Put(tx, &v); err != nil {
		return err
	}
	if p.Latest.Number-p.Oldest < maxVersions {
		return nil
	}
	if len(p.labelsOf(p.Oldest)) > 0 {
		return oldestLabeled(p)
	}
	p.Oldest++
	return versions.Delete(tx, p.Account, p.Path, p.Oldest-1)
}

// replanned are the policies after a change of the value: those that wait for one
// begin to wait anew.
func replanned(rules []rule, now time.Time) []rule {
	out := make([]rule, len(rules))
	for i, r := range rules {
		if r.Type == noChange {
			r.Due, r.Done = now.Add(r.Wait), false
		}
		out[i] = r
	}
	return out
}
