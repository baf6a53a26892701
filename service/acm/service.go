// Package acm serves the Certificate Manager API of one Region. A public certificate
// is issued once its names are shown to be the caller's: a CNAME is really looked up,
// a file really fetched. Private ones are issued by AWS Private CA for the caller, and
// renewed as acm.amazonaws.com. Keys lie sealed in the store; only an export that names
// a passphrase gives one out. It refuses imports that do not hold together, and the
// deletion of what is in use. CT logs
// are not served: a certificate is logged nowhere.
//
//	RequestCertificate → row → Run: validate → issue → renew, tell, expire; KeyPair → TLS
package acm

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A Resolver looks names up. The answer is what the name's CNAME record says, and an
// error where there is none.
type Resolver interface {
	LookupCNAME(ctx context.Context, name string) (string, error)
}

// A Fetcher gets what is under an HTTP URL, redirects followed.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// An Issuer issues public certificates: csr is DER, the answers are PEM.
type Issuer interface {
	IssuePublic(ctx context.Context, csr []byte, until time.Time) (certificate, chain string, err error)
	RevokePublic(ctx context.Context, serial, reason string) error
}

// Authorities is AWS Private CA.
type Authorities interface {
	// IssueCertificate and GetCertificate are asked on behalf of the call that ctx
	// belongs to.
	IssueCertificate(ctx context.Context, in *acmpca.IssueCertificateInput) (*acmpca.IssueCertificateOutput, error)
	GetCertificate(ctx context.Context, in *acmpca.GetCertificateInput) (*acmpca.GetCertificateOutput, error)
	// IssueFor and GetFor are asked by ACM itself, for the certificate of that ARN.
	IssueFor(ctx context.Context, certificate string, in *acmpca.IssueCertificateInput) (*acmpca.IssueCertificateOutput, error)
	GetFor(ctx context.Context, certificate string, in *acmpca.GetCertificateInput) (*acmpca.GetCertificateOutput, error)
	// Signing is the signature algorithm of the authority of that ARN.
	Signing(ctx context.Context, authority string) (string, error)
}

// An Event is one that ACM tells EventBridge of. Detail is JSON.
type Event struct {
	Account, Region string
	Time            time.Time
	DetailType      string
	Resources       []string
	Detail          []byte
}

// Events takes events, within the transaction of what they tell of.
type Events interface {
	Put(tx *store.Tx, e *Event) error
}

// Config is what a Service is made of. All of it is required but Events
// and Mailer.
type Config struct {
	DB          *store.DB
	Clock       clock.Clock
	Region      string
	Resolver    Resolver
	Fetcher     Fetcher
	Public      Issuer
	Authorities Authorities
	Events      Events
	// Endpoint returns the server's own URL, for links in mails. Mailer may be nil.
	Endpoint func() string
	Mailer   Mailer
	Logger   *slog.Logger
}

// Bounds of the work on certificates.
const (
	atOnce    = 16
	perLane   = 4
	lookAhead = 64
)

// Service implements the ACM API of one Region. Its methods are safe for concurrent
// use.
type Service struct {
	Config
	fleet *jobs.Fleet[certificate]

	mu      sync.Mutex    // guards changed
	changed chan struct{} // closed and replaced when a key pair changes
}

// New returns a Service that keeps its certificates in c.DB.
func New(c Config) *Service {
	s := &Service{Config: c, changed: make(chan struct{})}
	s.fleet = jobs.NewFleet(jobs.FleetDuty[certificate]{
		Duty: jobs.Duty[certificate]{
			DB: c.DB, Clock: c.Clock, Table: certificates, Index: "due",
			At: func(c *certificate) time.Time { return c.Due }, Do: s.step,
		},
		ID: func(c *certificate) string { return c.ID }, Lane: func(c *certificate) string { return c.Account },
		AtOnce: atOnce, PerLane: perLane, LookAhead: lookAhead,
	})
	return s
}

// Run validates, issues, renews and ends certificates, until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.fleet.Run(ctx) }

// newID returns a random UUID.
func newID() string { return uuid.Must(uuid.NewRandomFromReader(rand.Reader)).String() }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onRequestCertificate, s.RequestCertificate),
		wire.Op(s.onDescribeCertificate, s.DescribeCertificate),
		wire.Op(s.onListCertificates, s.ListCertificates),
		wire.Op(s.onSearchCertificates, s.SearchCertificates),
		wire.Op(s.onDeleteCertificate, s.DeleteCertificate),
		wire.Op(s.onUpdateCertificateOptions, s.UpdateCertificateOptions),
		wire.Op(s.onRenewCertificate, s.RenewCertificate),
		wire.Op(s.onResendValidationEmail, s.ResendValidationEmail),
		wire.Op(s.onRevokeCertificate, s.RevokeCertificate),

		wire.Op(s.onGetCertificate, s.GetCertificate),
		wire.Op(s.onImportCertificate, s.ImportCertificate),
		wire.Op(s.onExportCertificate, s.ExportCertificate),

		wire.Op(s.onAddTagsToCertificate, s.AddTagsToCertificate),
		wire.Op(s.onRemoveTagsFromCertificate, s.RemoveTagsFromCertificate),
		wire.Op(s.onListTagsForCertificate, s.ListTagsForCertificate),

		wire.Op(s.onGetAccountConfiguration, s.GetAccountConfiguration),
		wire.Op(s.onPutAccountConfiguration, s.PutAccountConfiguration),
	}
}
