// Package acmpca serves the AWS Private CA API of one Region: certificate authorities
// whose keys lie sealed in the store and never leave it, certificates by AWS's
// templates, and their revocation, told by real lists and a real OCSP responder that
// the API's own address serves. It refuses what an authority's state, its validity, its
// own certificate or its policies do not allow. ML-DSA and SM2 keys, partitioned lists
// and audit reports are not served.
//
//	IssueCertificate → template × passthrough → key → certificate row → GetCertificate
//	RevokeCertificate → row → Run: signed list; OCSP: key hash → authority → row → signed answer
package acmpca

import (
	"context"
	"crypto"
	"crypto/rand"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Buckets is S3, to which revocation lists are copied for the account.
type Buckets interface {
	PutObject(ctx context.Context, account string, in *s3.PutObjectInput) error
}

// Config is what a Service is made of.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
	// Endpoint returns the server's own URL, where lists and OCSP answer.
	Endpoint func() string
	// Buckets may be nil: lists are then served, but not copied.
	Buckets Buckets
	Logger  *slog.Logger
}

// hotKeys is about how many parsed keys, and hotAnswers how many OCSP answers, are
// kept at hand.
const (
	hotKeys    = 256
	hotAnswers = 16384
)

// Service implements the AWS Private CA API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	Config
	worker *jobs.Worker
	// signers are parsed keys by their authority's name, which stands for one key for
	// ever.
	signers *recent.Map[reference, crypto.Signer]
	answers *recent.Map[string, *answer]
}

// New returns a Service that keeps its authorities in c.DB.
func New(c Config) *Service {
	s := &Service{Config: c, signers: recent.New[reference, crypto.Signer](hotKeys), answers: recent.New[string, *answer](hotAnswers)}
	s.worker = jobs.New(c.Clock,
		jobs.Duty[authority]{DB: c.DB, Clock: c.Clock, Table: authorities, Index: "end", At: ended, Do: s.destroy}.Job(),
		jobs.Duty[authority]{DB: c.DB, Clock: c.Clock, Table: authorities, Index: "crl", At: listed, Do: s.makeList}.Job())
	return s
}

// Run makes revocation lists and destroys deleted authorities, until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.worker.Run(ctx) }

// newID returns a random UUID.
func newID() string { return uuid.Must(uuid.NewRandomFromReader(rand.Reader)).String() }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateCertificateAuthority, s.CreateCertificateAuthority),
		wire.Op(s.onDescribeCertificateAuthority, s.DescribeCertificateAuthority),
		wire.Op(s.onListCertificateAuthorities, s.ListCertificateAuthorities),
		wire.Op(s.onUpdateCertificateAuthority, s.UpdateCertificateAuthority),
		wire.Op(s.onDeleteCertificateAuthority, s.DeleteCertificateAuthority),
		wire.Op(s.onRestoreCertificateAuthority, s.RestoreCertificateAuthority),

		wire.Op(s.onGetCertificateAuthorityCsr, s.GetCertificateAuthorityCsr),
		wire.Op(s.onGetCertificateAuthorityCertificate, s.GetCertificateAuthorityCertificate),
		wire.Op(s.onImportCertificateAuthorityCertificate, s.ImportCertificateAuthorityCertificate),

		wire.Op(s.onIssueCertificate, s.IssueCertificate),
		wire.Op(s.onGetCertificate, s.GetCertificate),
		wire.Op(s.onRevokeCertificate, s.RevokeCertificate),

		wire.Op(s.onCreatePermission, s.CreatePermission),
		wire.Op(s.onListPermissions, s.ListPermissions),
		wire.Op(s.onDeletePermission, s.DeletePermission),

		wire.Op(s.onPutPolicy, s.PutPolicy),
		wire.Op(s.onGetPolicy, s.GetPolicy),
		wire.Op(s.onDeletePolicy, s.DeletePolicy),

		wire.Op(s.onTagCertificateAuthority, s.TagCertificateAuthority),
		wire.Op(s.onUntagCertificateAuthority, s.UntagCertificateAuthority),
		wire.Op(s.onListTags, s.ListTags),
	}
}
