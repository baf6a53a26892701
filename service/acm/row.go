package acm

import (
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A certificate is one that ACM keeps, or is about to. Its key is in a table of its
// own.
type certificate struct {
	Account      string    `cbor:"1,keyasint"`
	ID           string    `cbor:"2,keyasint"`
	Region       string    `cbor:"3,keyasint"`
	Domain       string    `cbor:"4,keyasint"`
	Names        []string  `cbor:"5,keyasint"` // Domain among them, first
	Kind         string    `cbor:"6,keyasint"` // as types.CertificateType
	Status       string    `cbor:"7,keyasint"`
	Failure      string    `cbor:"8,keyasint,omitempty"`
	KeyAlgorithm string    `cbor:"9,keyasint"`
	Created      time.Time `cbor:"10,keyasint"`
	Issued       time.Time `cbor:"11,keyasint,omitempty"` // or imported

	DER       []byte    `cbor:"12,keyasint,omitempty"`
	Chain     string    `cbor:"13,keyasint,omitempty"` // PEM
	NotBefore time.Time `cbor:"14,keyasint,omitempty"`
	NotAfter  time.Time `cbor:"15,keyasint,omitempty"`
	Serial    string    `cbor:"16,keyasint,omitempty"` // hexadecimal

	Authority   string            `cbor:"17,keyasint,omitempty"` // ARN of a private CA
	Logging     string            `cbor:"18,keyasint,omitempty"` // certificate transparency
	Export      string            `cbor:"19,keyasint,omitempty"`
	ManagedBy   string            `cbor:"20,keyasint,omitempty"`
	Exported    time.Time         `cbor:"21,keyasint,omitempty"`
	Revoked     time.Time         `cbor:"22,keyasint,omitempty"`
	Reason      string            `cbor:"23,keyasint,omitempty"`
	Tags        map[string]string `cbor:"24,keyasint,omitempty"`
	Token       string            `cbor:"25,keyasint,omitempty"`
	Validations []validation      `cbor:"26,keyasint,omitempty"`
	Renewal     *renewal          `cbor:"27,keyasint,omitempty"`
	InUse       []string          `cbor:"28,keyasint,omitempty"` // ARNs of what uses it

	// Due is when there is something to do next, Tries how often it was tried, and Told
	// when the coming end was last told of.
	Due   time.Time `cbor:"29,keyasint,omitempty"`
	Tries int       `cbor:"30,keyasint,omitempty"`
	Told  time.Time `cbor:"31,keyasint,omitempty"`
}

// A validation is the proof of one name.
type validation struct {
	Domain string `cbor:"1,keyasint"`
	Method string `cbor:"2,keyasint"`
	Done   bool   `cbor:"3,keyasint,omitempty"`
	// Of is the domain whose mailboxes are asked; Value is then the link's token.
	Of string `cbor:"6,keyasint,omitempty"`
	// Name and Value are of the CNAME record, or the URL and the contents of the file.
	Name  string `cbor:"4,keyasint"`
	Value string `cbor:"5,keyasint"`
}

// A renewal is the newest try to renew.
type renewal struct {
	Status      string       `cbor:"1,keyasint"`
	Reason      string       `cbor:"2,keyasint,omitempty"`
	Updated     time.Time    `cbor:"3,keyasint"`
	Validations []validation `cbor:"4,keyasint,omitempty"`
}

var certificates = store.NewTable("acm.certificate",
	func(c *certificate) store.Key { return store.K(c.Account, c.ID) }, store.Unwatched[certificate](),
	store.Index("created", func(c *certificate) []store.Key { return []store.Key{store.K(c.Account, c.Created)} }),
	store.Index("token", func(c *certificate) []store.Key {
		if c.Token == "" {
			return nil
		}
		return []store.Key{store.K(c.Account, c.Token)}
	}),
	store.Index("approval", func(c *certificate) []store.Key { return approvals(c.Validations) }),
	store.Index("due", func(c *certificate) []store.Key {
		if c.Due.IsZero() {
			return nil
		}
		return []store.Key{store.K(c.Due)}
	}))

// A privateKey is a certificate's, as PKCS #8.
type privateKey struct {
	Account string `cbor:"1,keyasint"`
	ID      string `cbor:"2,keyasint"`
	DER     []byte `cbor:"3,keyasint"`
}

var privateKeys = store.NewTable("acm.key",
	func(k *privateKey) store.Key { return store.K(k.Account, k.ID) }, store.Unwatched[privateKey]())

// A configuration is an account's.
type configuration struct {
	Account string `cbor:"1,keyasint"`
	Days    int32  `cbor:"2,keyasint"` // before the end, when events begin
}

var configurations = store.NewTable("acm.configuration",
	func(c *configuration) store.Key { return store.K(c.Account) }, store.Unwatched[configuration]())

const certificateType = "AWS::ACM::Certificate"

const resource = "certificate/"

func (c *certificate) arn() string { return arn.New("acm", c.Region, c.Account, resource+c.ID) }
