package server

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/smtp"
	"strings"

	"github.com/garrison-cloud/garrison/service/acm"
)

// mailerOf is who sends mail; nil without a mail server.
func mailerOf(c *Config) acm.Mailer {
	if c.SMTP == "" {
		return nil
	}
	from := c.MailFrom
	if from == "" {
		from = "no-reply@certificates.garrison.internal"
	}
	return mailer{c.SMTP, from}
}

// A mailer sends mail through one server.
type mailer struct{ server, from string }

// Send implements acm.Mailer.
func (m mailer) Send(_ context.Context, to []string, subject, body string) error {
	text := "From: " + m.from + "\r\nTo: " + strings.Join(to, ", ") + "\r\nSubject: " + subject + "\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n")
	if err := smtp.SendMail(m.server, nil, m.from, to, []byte(text)); err != nil {
		return fmt.Errorf("send a mail: %w", err)
	}
	return nil
}

// approvalPage asks before it approves: scanners of mail follow links.
var approvalPage = template.Must(template.New("approval").Parse(`<!doctype html><title>Certificate approval</title>
<p>Approve the certificate {{.ARN}} for {{.Domain}}?</p><form method="post"><button>I approve</button></form>
`))

// serveApproval answers the links of validation mails.
func (s *services) serveApproval(w http.ResponseWriter, r *http.Request) bool {
	token, ok := strings.CutPrefix(r.URL.Path, acm.ApprovalPath)
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodPost {
		return false
	}
	for _, c := range s.certificates {
		arn, domain, found := c.Approval(r.Context(), token)
		if !found {
			continue
		}
		s.approve(w, r, c, approval{arn, domain, token})
		return true
	}
	http.NotFound(w, r)
	return true
}

// An approval is what a link asks for.
type approval struct{ ARN, Domain, token string }

func (s *services) approve(w http.ResponseWriter, r *http.Request, c *acm.Service, a approval) {
	if r.Method == http.MethodPost {
		ok, err := c.Approve(r.Context(), a.token)
		switch {
		case err != nil:
			s.broken(r.Context(), w, err)
		case !ok:
			http.Error(w, "Nothing waits for this approval.", http.StatusGone)
		default:
			s.answer(w, r, "text/plain; charset=utf-8", []byte("The certificate is approved for "+a.Domain+".\n"))
		}
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := approvalPage.Execute(w, a); err != nil {
		s.logger.DebugContext(r.Context(), "a client went away", "error", err.Error())
	}
}
