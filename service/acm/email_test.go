package acm_test

import (
	"bufio"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// serveMail is a mail server that gives the texts of mails.
func serveMail(t *testing.T) (addr string, mails <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out := make(chan string, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			out <- takeMail(c)
		}
	}()
	return l.Addr().String(), out
}

// takeMail speaks as much of SMTP as one mail needs (RFC 5321).
func takeMail(c net.Conn) string {
	defer c.Close()
	say := func(s string) { c.Write([]byte(s + "\r\n")) }
	say("220 test")
	var text strings.Builder
	data := false
	for in := bufio.NewScanner(c); in.Scan(); {
		line := in.Text()
		switch {
		case data && line == ".":
			data = false
			say("250 taken")
		case data:
			text.WriteString(line + "\n")
		case line == "DATA":
			data = true
			say("354 go on")
		case line == "QUIT":
			say("221 bye")
			return text.String()
		default:
			say("250 ok")
		}
	}
	return text.String()
}

var link = regexp.MustCompile(`http://\S+/CertificateApproval/\S+`)

// TestEmail asks for a certificate by mail, has the mail sent again, and approves it by
// the link.
func TestEmail(t *testing.T) {
	t.Parallel()
	addr, mails := serveMail(t)
	s := garrisontest.Start(t, func(c *server.Config) { c.SMTP = addr })
	c := acm.NewFromConfig(s.Config)
	out, err := c.RequestCertificate(t.Context(), &acm.RequestCertificateInput{
		DomainName: aws.String("www.example.com"), DomainValidationOptions: []types.DomainValidationOption{{DomainName: aws.String("www.example.com"), ValidationDomain: aws.String("example.com")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	first := <-mails
	if !strings.Contains(first, "To: admin@example.com, ") || link.FindString(first) == "" {
		t.Fatalf("mail = %s", first)
	}
	_, err = c.ResendValidationEmail(t.Context(), &acm.ResendValidationEmailInput{CertificateArn: out.CertificateArn, Domain: aws.String("www.example.com"), ValidationDomain: aws.String("example.org")})
	garrisontest.Want(t, err, "InvalidDomainValidationOptionsException: ")
	_, err = c.ResendValidationEmail(t.Context(), &acm.ResendValidationEmailInput{CertificateArn: out.CertificateArn, Domain: aws.String("www.example.com"), ValidationDomain: aws.String("example.com")})
	garrisontest.Want(t, err, "")
	at := link.FindString(<-mails)
	if page := fetch(t, at); !strings.Contains(page, "www.example.com") {
		t.Errorf("page = %s", page)
	}
	if d := describe(t, c, *out.CertificateArn); d.Status != types.CertificateStatusPendingValidation || len(d.DomainValidationOptions[0].ValidationEmails) != 5 {
		t.Errorf("before the approval: %+v", d)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("approve: %v, %v", answer, err)
	}
	answer.Body.Close()
	await(t, s, c, *out.CertificateArn, types.CertificateStatusIssued)
}
