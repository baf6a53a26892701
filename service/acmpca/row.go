package acmpca

import (
	"time"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// tokenLife is how long an idempotency token stands for what it made (AWS Private CA
// API Reference, CreateCertificateAuthority and IssueCertificate).
const tokenLife = 5 * time.Minute

// An authority is a private CA. Its key is in a table of its own.
type authority struct {
	Account string `cbor:"1,keyasint"`
	ID      string `cbor:"2,keyasint"`
	Region  string `cbor:"3,keyasint"`
	Root    bool   `cbor:"4,keyasint"`
	Short   bool   `cbor:"5,keyasint"` // issues short-lived certificates only

	KeyAlgorithm string             `cbor:"6,keyasint"`
	Signing      string             `cbor:"7,keyasint"`
	Subject      []x509ca.Attribute `cbor:"8,keyasint"`
	// Usage and Access are the extensions of the signing request.
	Usage  *int     `cbor:"9,keyasint,omitempty"`
	Access []access `cbor:"10,keyasint,omitempty"`
	// Standard is the key store's, as it was asked for.
	Standard string `cbor:"11,keyasint,omitempty"`
	CSR      []byte `cbor:"12,keyasint"`

	Created time.Time `cbor:"13,keyasint"`
	Changed time.Time `cbor:"14,keyasint"` // its state
	// Certificate is empty until one is imported; Chain leads to the root, without it
	// itself.
	Certificate []byte    `cbor:"15,keyasint,omitempty"`
	Chain       [][]byte  `cbor:"16,keyasint,omitempty"`
	NotBefore   time.Time `cbor:"17,keyasint,omitempty"`
	NotAfter    time.Time `cbor:"18,keyasint,omitempty"`
	Disabled    bool      `cbor:"19,keyasint,omitempty"`
	// Until is the end of the restoration period of a deleted authority.
	Until time.Time `cbor:"20,keyasint,omitempty"`

	CRL  crl  `cbor:"21,keyasint"`
	OCSP ocsp `cbor:"22,keyasint"`

	Policy      string            `cbor:"23,keyasint,omitempty"` // as it was put
	Permissions []permission      `cbor:"24,keyasint,omitempty"`
	Effective   string            `cbor:"25,keyasint,omitempty"` // both of them, as policies are evaluated
	Tags        map[string]string `cbor:"26,keyasint,omitempty"`
	Token       string            `cbor:"27,keyasint,omitempty"`
	KeyHashes   [][]byte          `cbor:"28,keyasint"`
	Revocations int               `cbor:"29,keyasint,omitempty"`
}

// A crl says how the revocation list is made, and which is the newest.
type crl struct {
	Given   bool      `cbor:"1,keyasint,omitempty"` // by the caller, on or off
	On      bool      `cbor:"2,keyasint,omitempty"`
	Days    int32     `cbor:"3,keyasint,omitempty"`
	Host    string    `cbor:"4,keyasint,omitempty"`
	Path    string    `cbor:"5,keyasint,omitempty"`
	Bucket  string    `cbor:"6,keyasint,omitempty"`
	ACL     string    `cbor:"7,keyasint,omitempty"`
	Kind    string    `cbor:"8,keyasint,omitempty"`
	OmitSet bool      `cbor:"9,keyasint,omitempty"`
	Omit    bool      `cbor:"10,keyasint,omitempty"` // the certificates do not say where it is
	Number  int64     `cbor:"11,keyasint,omitempty"`
	DueAt   time.Time `cbor:"12,keyasint,omitempty"` // when the next is made
}

// An ocsp says how OCSP answers for an authority.
type ocsp struct {
	Given bool   `cbor:"1,keyasint,omitempty"`
	On    bool   `cbor:"2,keyasint,omitempty"`
	Host  string `cbor:"3,keyasint,omitempty"`
}

// A permission lets ACM use an authority.
type permission struct {
	Principal string    `cbor:"1,keyasint"`
	Source    string    `cbor:"2,keyasint,omitempty"`
	Actions   []string  `cbor:"3,keyasint"`
	Created   time.Time `cbor:"4,keyasint"`
}

var authorities = store.NewTable("acmpca.authority",
	func(a *authority) store.Key { return store.K(a.Account, a.ID) }, store.Unwatched[authority](), store.Cached[authority](256),
	store.Index("token", func(a *authority) []store.Key {
		if a.Token == "" {
			return nil
		}
		return []store.Key{store.K(a.Account, a.Token)}
	}),
	store.Index("id", func(a *authority) []store.Key { return []store.Key{store.K(a.ID)} }),
	store.Index("keyhash", func(a *authority) []store.Key {
		var out []store.Key
		for _, h := range a.KeyHashes {
			out = append(out, store.K(h))
		}
		return out
	}),
	store.Index("crl", func(a *authority) []store.Key { return due(a.CRL.DueAt) }),
	store.Index("end", func(a *authority) []store.Key { return due(a.Until) }))

func due(at time.Time) []store.Key {
	if at.IsZero() {
		return nil
	}
	return []store.Key{store.K(at)}
}

// A privateKey is an authority's, as PKCS #8. Nothing but signing reads it.
type privateKey struct {
	Account string `cbor:"1,keyasint"`
	ID      string `cbor:"2,keyasint"`
	DER     []byte `cbor:"3,keyasint"`
}

var privateKeys = store.NewTable("acmpca.key",
	func(k *privateKey) store.Key { return store.K(k.Account, k.ID) }, store.Unwatched[privateKey]())

// An issued is a certificate of an authority, by its serial number.
type issued struct {
	Account   string    `cbor:"1,keyasint"`
	Authority string    `cbor:"2,keyasint"`
	Serial    string    `cbor:"3,keyasint"` // in hexadecimal
	DER       []byte    `cbor:"4,keyasint"`
	At        time.Time `cbor:"5,keyasint"`
	NotAfter  time.Time `cbor:"6,keyasint"`
	Token     string    `cbor:"7,keyasint,omitempty"`
	Template  string    `cbor:"8,keyasint"`
	Requester string    `cbor:"9,keyasint"`
	SelfMade  bool      `cbor:"10,keyasint,omitempty"` // the authority's own
	Revoked   time.Time `cbor:"11,keyasint,omitempty"`
	Reason    int       `cbor:"12,keyasint,omitempty"`
}

var certificates = store.NewTable("acmpca.certificate",
	func(c *issued) store.Key { return store.K(c.Account, c.Authority, c.Serial) }, store.Unwatched[issued](),
	store.Index("token", func(c *issued) []store.Key {
		if c.Token == "" {
			return nil
		}
		return []store.Key{store.K(c.Account, c.Authority, c.Token)}
	}),
	store.Index("revoked", func(c *issued) []store.Key {
		if c.Revoked.IsZero() {
			return nil
		}
		return []store.Key{store.K(c.Account, c.Authority, c.Serial)}
	}))

// A list is the newest revocation list of an authority.
type list struct {
	Account string    `cbor:"1,keyasint"`
	ID      string    `cbor:"2,keyasint"`
	Number  int64     `cbor:"3,keyasint"`
	DER     []byte    `cbor:"4,keyasint"`
	Next    time.Time `cbor:"5,keyasint"`
}

var lists = store.NewTable("acmpca.crl",
	func(l *list) store.Key { return store.K(l.Account, l.ID) }, store.Unwatched[list]())

const authorityType = "AWS::ACMPCA::CertificateAuthority"

// resource is what stands before an authority's id in its ARN.
const resource = "certificate-authority/"

func (a *authority) arn() string { return arn.New("acm-pca", a.Region, a.Account, resource+a.ID) }

func (c *issued) arn(region string) string {
	return arn.New("acm-pca", region, c.Account, resource+c.Authority+"/certificate/"+c.Serial)
}
