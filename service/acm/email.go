package acm

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A Mailer sends mail.
type Mailer interface {
	Send(ctx context.Context, to []string, subject, body string) error
}

// ApprovalPath begins the path of the links in validation mails, before a token. No
// bucket can be called so.
const ApprovalPath = "/CertificateApproval/"

// mailboxes are whose approval counts (ACM User Guide, "Email validation").
var mailboxes = []string{"admin", "administrator", "hostmaster", "postmaster", "webmaster"}

func (v *validation) mailTo() []string {
	var out []string
	for _, m := range mailboxes {
		out = append(out, m+"@"+v.Of)
	}
	return out
}

// newMail is the proof of a name by its mailboxes. The domain of those is the name's
// own, or one above it.
func newMail(name string, options []types.DomainValidationOption) (validation, error) {
	base := strings.TrimPrefix(name, "*.")
	v := validation{Domain: name, Method: string(types.ValidationMethodEmail), Of: base, Value: rand.Text()}
	for _, o := range options {
		if strings.ToLower(*o.DomainName) != name {
			continue
		}
		v.Of = strings.ToLower(*o.ValidationDomain)
		if v.Of != base && !strings.HasSuffix(base, "."+v.Of) {
			return v, &types.InvalidDomainValidationOptionsException{Message: aws.String("The validation domain " + v.Of + " is not the same as, or a superdomain of, " + name + ".")}
		}
	}
	return v, nil
}

// approvals are the index keys of the links that are out: what is kept open must not
// give them away.
func approvals(all []validation) (out []store.Key) {
	for i := range all {
		if all[i].Method == string(types.ValidationMethodEmail) {
			out = append(out, approvalKey(all[i].Value))
		}
	}
	return out
}

func approvalKey(token string) store.Key {
	sum := sha256.Sum256([]byte(token))
	return store.K(hex.EncodeToString(sum[:]))
}

// mail sends the mails of all names that wait for one. Where there is no mail server,
// the operator finds the link in the log.
func (s *Service) mail(ctx context.Context, row *certificate, all []validation) {
	for i := range all {
		if v := &all[i]; v.Method == string(types.ValidationMethodEmail) && !v.Done {
			s.send(ctx, row, v)
		}
	}
}

func (s *Service) send(ctx context.Context, row *certificate, v *validation) {
	link := s.Endpoint() + ApprovalPath + v.Value
	if s.Mailer == nil {
		s.Logger.WarnContext(ctx, "no mail server is configured: whoever answers for the domain approves the certificate at the link",
			"certificate", row.arn(), "domain", v.Domain, "link", link)
		return
	}
	body := "Account " + row.Account + " asks for the certificate " + row.arn() + " for " + v.Domain + ".\n\nTo approve it, open\n" + link + "\n"
	if err := s.Mailer.Send(ctx, v.mailTo(), "Certificate request for "+v.Domain, body); err != nil {
		s.Logger.WarnContext(ctx, "a validation mail was not sent", "certificate", row.arn(), "domain", v.Domain, "error", err.Error())
	}
}

// ResendValidationEmail sends the mail of one name again.
func (s *Service) ResendValidationEmail(ctx context.Context, in *acm.ResendValidationEmailInput) (*acm.ResendValidationEmailOutput, error) {
	row, err := s.find(ctx, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	if row.Status != string(types.CertificateStatusPendingValidation) || row.method() != string(types.ValidationMethodEmail) {
		return nil, invalidState("The certificate %s does not wait for an approval by e-mail.", row.arn())
	}
	for i := range row.Validations {
		v := &row.Validations[i]
		if strings.EqualFold(v.Domain, *in.Domain) && strings.EqualFold(v.Of, *in.ValidationDomain) {
			s.send(ctx, row, v)
			return &acm.ResendValidationEmailOutput{}, nil
		}
	}
	return nil, &types.InvalidDomainValidationOptionsException{Message: aws.String("The domain and the validation domain are not those of the certificate.")}
}

func (s *Service) onResendValidationEmail(ctx context.Context, in *acm.ResendValidationEmailInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}

// Approval tells which certificate and which name a link's token is for; ok is false
// for no token. Approve approves it.
func (s *Service) Approval(ctx context.Context, token string) (arn, domain string, ok bool) {
	row, err := s.approved(ctx, token)
	if err != nil || row == nil {
		return "", "", false
	}
	for _, v := range row.Validations {
		if v.Value == token {
			return row.arn(), v.Domain, true
		}
	}
	return "", "", false
}

func (s *Service) approved(ctx context.Context, token string) (row *certificate, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		row = nil
		for c, err := range certificates.ScanIndex(tx, "approval", store.Range{Prefix: approvalKey(token), Limit: 1}) {
			if err != nil {
				return err
			}
			row = c
		}
		return nil
	})
	return row, err
}

// Approve takes the name of a link's token as validated, for the issuance or for the
// renewal that waits for it. It reports whether anything did.
func (s *Service) Approve(ctx context.Context, token string) (ok bool, err error) {
	found, err := s.approved(ctx, token)
	if err != nil || found == nil {
		return false, err
	}
	err = s.update(ctx, found.Account, found.ID, func(tx *store.Tx, row *certificate) error {
		ok = false
		waits := row.Validations
		switch r := row.Renewal; {
		case row.Status == string(types.CertificateStatusPendingValidation) && tx.Now().Before(row.Created.Add(validationWindow)):
		case row.Status == string(types.CertificateStatusIssued) && r != nil && r.Status == string(types.RenewalStatusPendingValidation):
			waits, r.Updated = r.Validations, time.Time{}
		default:
			return nil
		}
		for i := range waits {
			if waits[i].Value == token {
				waits[i].Done, ok = true, true
			}
		}
		row.Due = tx.Now()
		return nil
	})
	s.fleet.Wake()
	return ok, err
}
