package acm

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"

	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// validationWindow is how long a name may wait for its proof.
	validationWindow = 72 * time.Hour
	// renewBefore is when renewal begins, before the end.
	renewBefore = 60 * day
	// renewAgain is how long after a failed renewal the next is tried.
	renewAgain = time.Hour
	// defaultDays is when events of a coming end begin, in days before it.
	defaultDays = 45
	// firstWait and lastWait bound the time between two looks for a proof.
	firstWait = 5 * time.Second
	lastWait  = 10 * time.Minute
)

// The events of ACM (ACM User Guide, "Amazon EventBridge support for ACM").
const (
	approaching = "ACM Certificate Approaching Expiration"
	expired     = "ACM Certificate Expired"
	available   = "ACM Certificate Available"
	action      = "ACM Certificate Renewal Action Required"
	revoked     = "ACM Certificate Revoked"
)

// step does what is due of a certificate.
func (s *Service) step(ctx context.Context, due *certificate) error {
	var row *certificate
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		row, err = certificates.Get(tx, due.Account, due.ID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	now := s.Clock.Now()
	switch {
	case err != nil:
		return err
	case row.Due.IsZero() || now.Before(row.Due):
		return nil
	case row.Status == string(types.CertificateStatusPendingValidation):
		return s.validate(ctx, row)
	case !now.Before(row.NotAfter):
		return s.settle(ctx, row, s.expire)
	case row.renewable() && !now.Before(row.renewalDue()):
		return s.renew(ctx, row)
	}
	return s.settle(ctx, row, s.warn)
}

// settle changes a certificate unless it has changed meanwhile.
func (s *Service) settle(ctx context.Context, seen *certificate, change func(*store.Tx, *certificate) error) error {
	err := s.update(ctx, seen.Account, seen.ID, func(tx *store.Tx, row *certificate) error {
		if row.Status != seen.Status || row.Serial != seen.Serial {
			return nil
		}
		return change(tx, row)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// validate looks for the proofs that are missing, and issues once all are there.
func (s *Service) validate(ctx context.Context, row *certificate) error {
	if !s.Clock.Now().Before(row.Created.Add(validationWindow)) {
		return s.settle(ctx, row, func(_ *store.Tx, row *certificate) error {
			row.Status, row.Due = string(types.CertificateStatusValidationTimedOut), time.Time{}
			return nil
		})
	}
	if row.Tries == 0 {
		s.mail(ctx, row, row.Validations)
	}
	done := s.look(ctx, row.Validations)
	var p *pair
	if done {
		var err error
		if p, err = s.publicPair(ctx, row); err != nil {
			return err
		}
	}
	err := s.settle(ctx, row, func(tx *store.Tx, now *certificate) error {
		now.merge(row.Validations)
		if p == nil {
			now.Tries++
			now.Due = tx.Now().Add(min(lastWait, firstWait<<min(now.Tries, 10)))
			return nil
		}
		key := now.take(p, tx.Now())
		if err := s.tell(tx, now, available, "ISSUANCE"); err != nil {
			return err
		}
		if err := privateKeys.Put(tx, key); err != nil {
			return err
		}
		return s.plan(tx, now)
	})
	s.tellChanged()
	return err
}

// look looks for each proof that is missing, and tells whether none is any more.
func (s *Service) look(ctx context.Context, all []validation) bool {
	done := true
	for i := range all {
		all[i].Done = all[i].Done || s.proved(ctx, &all[i]) == nil
		done = done && all[i].Done
	}
	return done
}

// renewable tells whether ACM renews the certificate by itself: what it has issued,
// and is used or was exported (ACM User Guide, "Managed certificate renewal").
func (c *certificate) renewable() bool {
	return c.Kind != string(types.CertificateTypeImported) && c.Status == string(types.CertificateStatusIssued) && (len(c.InUse) > 0 || !c.Exported.Before(c.Issued) && !c.Exported.IsZero())
}

// renewalDue is when the next renewal is tried.
func (c *certificate) renewalDue() time.Time {
	at := c.NotAfter.Add(-renewBefore)
	if r := c.Renewal; r != nil && r.Status != string(types.RenewalStatusSuccess) && r.Updated.Add(renewAgain).After(at) {
		at = r.Updated.Add(renewAgain)
	}
	return at
}

// renew proves the names anew and takes a new pair, under the same ARN.
func (s *Service) renew(ctx context.Context, row *certificate) error {
	r := &renewal{Updated: s.Clock.Now(), Status: string(types.RenewalStatusPendingValidation)}
	p, err := s.renewed(ctx, row, r)
	if err != nil {
		return err
	}
	err = s.settle(ctx, row, func(tx *store.Tx, now *certificate) error {
		if p == nil {
			return s.unrenewed(tx, now, r)
		}
		now.Renewal, r.Status = r, string(types.RenewalStatusSuccess)
		key := now.take(p, tx.Now())
		if err := s.tell(tx, now, available, "RENEWAL"); err != nil {
			return err
		}
		if err := privateKeys.Put(tx, key); err != nil {
			return err
		}
		return s.plan(tx, now)
	})
	s.tellChanged()
	return err
}

// renewed is the new pair, nil where there is none, of which r then tells.
func (s *Service) renewed(ctx context.Context, row *certificate, r *renewal) (*pair, error) {
	if row.Kind == string(types.CertificateTypePrivate) {
		p, err := s.privatePair(ctx, row, s.byItself(row.arn()))
		if r.Reason = failure(err); r.Reason != "" {
			r.Status = string(types.RenewalStatusFailed)
			return nil, nil
		}
		return p, err
	}
	r.Validations = row.reproofs()
	if row.Renewal == nil || row.Renewal.Status == string(types.RenewalStatusSuccess) {
		s.mail(ctx, row, r.Validations)
	}
	if !s.look(ctx, r.Validations) {
		return nil, nil
	}
	return s.publicPair(ctx, row)
}

// unrenewed notes a renewal that did not come about; the first is told of.
func (s *Service) unrenewed(tx *store.Tx, row *certificate, r *renewal) error {
	first := row.Renewal == nil || row.Renewal.Status == string(types.RenewalStatusSuccess)
	row.Renewal = r
	if first {
		if err := s.tell(tx, row, action, r.Status); err != nil {
			return err
		}
	}
	return s.warn(tx, row)
}

// merge notes what was proved; an approval may have come meanwhile.
func (c *certificate) merge(seen []validation) {
	for i := range c.Validations {
		c.Validations[i].Done = c.Validations[i].Done || i < len(seen) && seen[i].Done
	}
}

// reproofs are the proofs of a renewal: each is wanted anew, but for approvals that the
// renewal under way has already.
func (c *certificate) reproofs() []validation {
	pending := c.Renewal != nil && c.Renewal.Status == string(types.RenewalStatusPendingValidation)
	out := make([]validation, 0, len(c.Validations))
	for i, v := range c.Validations {
		v.Done = pending && v.Method == string(types.ValidationMethodEmail) && i < len(c.Renewal.Validations) && c.Renewal.Validations[i].Done
		out = append(out, v)
	}
	return out
}

// byItself is AWS Private CA, asked by ACM for a certificate of its own.
func (s *Service) byItself(arn string) pca {
	return pca{
		func(ctx context.Context, in *acmpca.IssueCertificateInput) (*acmpca.IssueCertificateOutput, error) {
			return s.Authorities.IssueFor(ctx, arn, in)
		},
		func(ctx context.Context, in *acmpca.GetCertificateInput) (*acmpca.GetCertificateOutput, error) {
			return s.Authorities.GetFor(ctx, arn, in)
		},
	}
}

func (s *Service) expire(tx *store.Tx, row *certificate) error {
	row.Status, row.Due = string(types.CertificateStatusExpired), time.Time{}
	return s.tell(tx, row, expired, "")
}

// warn tells of a coming end, once a day, and plans what is next.
func (s *Service) warn(tx *store.Tx, row *certificate) error {
	from, err := s.warnFrom(tx, row)
	if err != nil {
		return err
	}
	if !tx.Now().Before(from) {
		row.Told = tx.Now()
		if err := s.tell(tx, row, approaching, ""); err != nil {
			return err
		}
	}
	return s.plan(tx, row)
}

// warnFrom is when the coming end is told of next.
func (s *Service) warnFrom(tx *store.Tx, row *certificate) (time.Time, error) {
	days := int32(defaultDays)
	c, err := configurations.Get(tx, row.Account)
	if err == nil {
		days = c.Days
	} else if !errors.Is(err, store.ErrNotFound) {
		return time.Time{}, err
	}
	from := row.NotAfter.Add(-time.Duration(days) * day)
	if next := row.Told.Add(day); !row.Told.IsZero() && next.After(from) {
		from = next
	}
	return from, nil
}

// plan sets when there is something to do next.
func (s *Service) plan(tx *store.Tx, row *certificate) error {
	row.Due = time.Time{}
	if row.Status != string(types.CertificateStatusIssued) {
		return nil
	}
	row.Due = row.NotAfter
	from, err := s.warnFrom(tx, row)
	if err != nil {
		return err
	}
	if from.Before(row.Due) {
		row.Due = from
	}
	if at := row.renewalDue(); row.renewable() && at.Before(row.Due) {
		row.Due = at
	}
	return nil
}

// A detail is the detail of an event; each kind has some of it.
type detail struct {
	CommonName string `json:"CommonName"`
	Days       *int   `json:"DaysToExpiry,omitempty"`
	Action     string `json:"Action,omitempty"`
	Kind       string `json:"CertificateType,omitempty"`
	Renewal    string `json:"RenewalStatus,omitempty"`
	End        string `json:"CertificateExpirationDate,omitempty"`
	InUse      *bool  `json:"InUse,omitempty"`
	Exported   *bool  `json:"Exported,omitempty"`
}

// tell has an event delivered.
func (s *Service) tell(tx *store.Tx, row *certificate, kind, what string) error {
	if s.Events == nil {
		return nil
	}
	d := &detail{CommonName: row.Domain}
	switch kind {
	case approaching, expired:
		days := int(row.NotAfter.Sub(tx.Now()) / day)
		d.Days = &days
	case action:
		d.Renewal, d.Kind = what, row.Kind
	default:
		d.Action, d.Kind, d.End = what, row.Kind, row.NotAfter.UTC().Format(time.RFC3339)
		used, exported := len(row.InUse) > 0, !row.Exported.IsZero()
		d.InUse, d.Exported = &used, &exported
	}
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return s.Events.Put(tx, &Event{Account: row.Account, Region: row.Region, Time: tx.Now(), DetailType: kind, Resources: []string{row.arn()}, Detail: b})
}
