package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	sdkpca "github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/miekg/dns"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/service/acm"
	"github.com/garrison-cloud/garrison/service/acmpca"
	"github.com/garrison-cloud/garrison/service/eventbridge"
)

// acmPrincipal is whom private CAs let in for renewals.
const acmPrincipal = "acm.amazonaws.com"

// certificatesOf makes a Region's private CAs and its certificates.
func (s *services) certificatesOf(c *Config, region string, local *room, told *eventbridge.Service) (*acm.Service, *acmpca.Service) {
	s.logger = c.Logger
	signing := acmpca.New(acmpca.Config{DB: local.db, Clock: c.Clock, Region: region, Endpoint: s.endpoint, Logger: c.Logger})
	s.authorities[region] = signing
	out := acm.New(acm.Config{
		DB: local.db, Clock: c.Clock, Region: region, Resolver: resolverOf(c), Fetcher: fetcher{}, Public: signing,
		Authorities: privateAuthorities{s, signing}, Events: certificateEvents{told}, Logger: c.Logger,
		Endpoint: s.endpoint, Mailer: mailerOf(c),
	})
	s.certificates = append(s.certificates, out)
	s.workers = append(s.workers, signing, out)
	return out, signing
}

// privateAuthorities is AWS Private CA for ACM.
type privateAuthorities struct {
	of    *services
	local *acmpca.Service
}

// IssueCertificate implements acm.Authorities.
func (p privateAuthorities) IssueCertificate(ctx context.Context, in *sdkpca.IssueCertificateInput) (*sdkpca.IssueCertificateOutput, error) {
	return gateway.Invoke[sdkpca.IssueCertificateOutput](ctx, p.of.gateway, in)
}

// GetCertificate implements acm.Authorities.
func (p privateAuthorities) GetCertificate(ctx context.Context, in *sdkpca.GetCertificateInput) (*sdkpca.GetCertificateOutput, error) {
	return gateway.Invoke[sdkpca.GetCertificateOutput](ctx, p.of.gateway, in)
}

// IssueFor implements acm.Authorities.
func (p privateAuthorities) IssueFor(ctx context.Context, certificate string, in *sdkpca.IssueCertificateInput) (*sdkpca.IssueCertificateOutput, error) {
	as, err := acmCall(certificate)
	if err != nil {
		return nil, err
	}
	return gateway.InvokeAs[sdkpca.IssueCertificateOutput](ctx, p.of.gateway, as, in)
}

// GetFor implements acm.Authorities.
func (p privateAuthorities) GetFor(ctx context.Context, certificate string, in *sdkpca.GetCertificateInput) (*sdkpca.GetCertificateOutput, error) {
	as, err := acmCall(certificate)
	if err != nil {
		return nil, err
	}
	return gateway.InvokeAs[sdkpca.GetCertificateOutput](ctx, p.of.gateway, as, in)
}

// Signing implements acm.Authorities.
func (p privateAuthorities) Signing(ctx context.Context, authority string) (string, error) {
	return p.local.Signing(ctx, authority)
}

func acmCall(certificate string) (gateway.ServiceCall, error) {
	name, err := arn.Parse(certificate)
	return gateway.ServiceCall{
		Principal: acmPrincipal, Account: name.AccountID, Region: name.Region, SourceARN: certificate, SourceAccount: name.AccountID,
	}, err
}

// certificateEvents are the events of ACM.
type certificateEvents struct{ to *eventbridge.Service }

// Put implements acm.Events.
func (p certificateEvents) Put(tx *store.Tx, e *acm.Event) error {
	return p.to.Put(tx, &eventbridge.Event{
		Account: e.Account, Region: e.Region, Time: e.Time, Source: "aws.acm", DetailType: e.DetailType, Resources: e.Resources, Detail: e.Detail,
	})
}

// resolverOf is who looks up the records that prove names: the configured one, or the
// machine's own name server.
func resolverOf(c *Config) acm.Resolver {
	if c.Resolver != nil {
		return c.Resolver
	}
	return NameServer("")
}

// A NameServer looks CNAME records up at one name server, by its address with the
// port. The empty one is the machine's first.
type NameServer string

// errNoRecord: a name has no CNAME record.
var errNoRecord = errors.New("no CNAME record")

// LookupCNAME implements acm.Resolver.
func (n NameServer) LookupCNAME(ctx context.Context, name string) (string, error) {
	at := string(n)
	if at == "" {
		conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil || len(conf.Servers) == 0 {
			return "", fmt.Errorf("find a name server: %w", errors.Join(err, errNoRecord))
		}
		at = net.JoinHostPort(conf.Servers[0], conf.Port)
	}
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(name), dns.TypeCNAME)
	answer, _, err := new(dns.Client).ExchangeContext(ctx, m, at)
	if err != nil {
		return "", fmt.Errorf("look up %s: %w", name, err)
	}
	for _, r := range answer.Answer {
		if c, ok := r.(*dns.CNAME); ok {
			return c.Target, nil
		}
	}
	return "", fmt.Errorf("look up %s: %w", name, errNoRecord)
}

// fetcher gets the files that prove names.
type fetcher struct{}

// Bounds of a fetch.
const (
	fetchTimeout = 10 * time.Second
	maxFetched   = 4096
)

// Fetch implements acm.Fetcher.
func (fetcher) Fetch(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("fetch a proof: %w", err)
	}
	client := &http.Client{Timeout: fetchTimeout}
	out, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("fetch a proof: %w", err)
	}
	defer out.Body.Close() //nolint:errcheck // it was read
	if out.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch a proof: %s", out.Status)
	}
	return io.ReadAll(io.LimitReader(out.Body, maxFetched))
}

var (
	_ acm.Authorities = privateAuthorities{}
	_ acm.Events      = certificateEvents{}
	_ acm.Resolver    = NameServer("")
	_ acm.Issuer      = (*acmpca.Service)(nil)
)
