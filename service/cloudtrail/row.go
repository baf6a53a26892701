package cloudtrail

import (
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A trail is what its owner has asked to be recorded, and where it goes. Trails lie in
// the store that all Regions share, because a multi-Region trail is one of each.
type trail struct {
	Account string `cbor:"1,keyasint"`
	Region  string `cbor:"2,keyasint"` // home
	Name    string `cbor:"3,keyasint"`
	// Bucket and Prefix say where files go; Topic and Key are ARNs, empty for none.
	Bucket string `cbor:"4,keyasint"`
	Prefix string `cbor:"5,keyasint,omitempty"`
	Topic  string `cbor:"6,keyasint,omitempty"`
	Key    string `cbor:"7,keyasint,omitempty"`
	// LogGroup and Role are ARNs; both are set, or none.
	LogGroup string `cbor:"8,keyasint,omitempty"`
	Role     string `cbor:"9,keyasint,omitempty"`
	// Global takes in the events of global services, Multi those of all Regions.
	Global    bool `cbor:"10,keyasint,omitempty"`
	Multi     bool `cbor:"11,keyasint,omitempty"`
	Validated bool `cbor:"12,keyasint,omitempty"`
	// Logging tells that events are recorded since Started; Stopped is when it last ended.
	Logging bool      `cbor:"13,keyasint,omitempty"`
	Started time.Time `cbor:"14,keyasint"`
	Stopped time.Time `cbor:"15,keyasint"`
	// Chain is when the present chain of digests began; zero when there is none.
	Chain time.Time `cbor:"16,keyasint"`
	// Custom tells that selectors were put. One of Basic and Advanced is set then.
	Custom   bool               `cbor:"17,keyasint,omitempty"`
	Basic    []basicSelector    `cbor:"18,keyasint,omitempty"`
	Advanced []advancedSelector `cbor:"19,keyasint,omitempty"`
	Tags     map[string]string  `cbor:"20,keyasint,omitempty"`
}

// A basicSelector is an EventSelector of the API.
type basicSelector struct {
	Access     string         `cbor:"1,keyasint"`
	Management bool           `cbor:"2,keyasint"`
	Data       []dataResource `cbor:"3,keyasint,omitempty"`
	Without    []string       `cbor:"4,keyasint,omitempty"` // sources of management events
}

type dataResource struct {
	Type   string   `cbor:"1,keyasint"`
	Values []string `cbor:"2,keyasint"`
}

// An advancedSelector is an AdvancedEventSelector of the API.
type advancedSelector struct {
	Name   string          `cbor:"1,keyasint,omitempty"`
	Fields []fieldSelector `cbor:"2,keyasint"`
}

type fieldSelector struct {
	Field     string   `cbor:"1,keyasint"`
	Equals    []string `cbor:"2,keyasint,omitempty"`
	Starts    []string `cbor:"3,keyasint,omitempty"`
	Ends      []string `cbor:"4,keyasint,omitempty"`
	NotEquals []string `cbor:"5,keyasint,omitempty"`
	NotStarts []string `cbor:"6,keyasint,omitempty"`
	NotEnds   []string `cbor:"7,keyasint,omitempty"`
}

func (t *trail) arn() string { return arn.New("cloudtrail", t.Region, t.Account, "trail/"+t.Name) }

// covers reports whether the trail is seen in a Region, as itself or as a shadow.
func (t *trail) covers(region string) bool { return t.Multi || t.Region == region }

// settle starts or ends the chain of digests, as logging and validation say.
func (t *trail) settle(now time.Time) {
	switch {
	case !t.Logging || !t.Validated:
		t.Chain = time.Time{}
	case t.Chain.IsZero():
		t.Chain = now
	}
}

var trails = store.NewTable("cloudtrail.trail",
	func(t *trail) store.Key { return store.K(t.Account, t.Region, t.Name) })

// Progress is how far the delivery of a trail's events of one Region has come. It
// lies in that Region's store.
type progress struct {
	Trail string `cbor:"1,keyasint"` // ARN
	// Delivered, Notified, Logged and Digested are when each last succeeded; the errors
	// are empty when the last attempt did.
	Delivered   time.Time `cbor:"2,keyasint"`
	DeliverErr  string    `cbor:"3,keyasint,omitempty"`
	Notified    time.Time `cbor:"4,keyasint"`
	NotifyErr   string    `cbor:"5,keyasint,omitempty"`
	Logged      time.Time `cbor:"6,keyasint"`
	LogErr      string    `cbor:"7,keyasint,omitempty"`
	Digested    time.Time `cbor:"8,keyasint"`
	DigestErr   string    `cbor:"9,keyasint,omitempty"`
	DigestChain time.Time `cbor:"10,keyasint"` // the trail's Chain that Last belongs to
	// DigestEnd is where the last digest ended, and the next begins.
	DigestEnd time.Time `cbor:"11,keyasint"`
	Last      digestRef `cbor:"12,keyasint"`
}

// A digestRef is what a digest says of the one before it.
type digestRef struct {
	Bucket    string `cbor:"1,keyasint,omitempty"`
	Object    string `cbor:"2,keyasint,omitempty"`
	Hash      string `cbor:"3,keyasint,omitempty"`
	Signature string `cbor:"4,keyasint,omitempty"`
}

var progresses = store.NewTable("cloudtrail.progress",
	func(p *progress) store.Key { return store.K(p.Trail) }, store.Unwatched[progress]())

// A logFile was delivered, and waits to be named by a digest.
type logFile struct {
	Trail  string    `cbor:"1,keyasint"` // ARN
	At     time.Time `cbor:"2,keyasint"`
	Object string    `cbor:"3,keyasint"`
	Bucket string    `cbor:"4,keyasint"`
	Hash   string    `cbor:"5,keyasint"` // SHA-256 of the file uncompressed, in hex
	Oldest time.Time `cbor:"6,keyasint"`
	Newest time.Time `cbor:"7,keyasint"`
}

var logFiles = store.NewTable("cloudtrail.logfile",
	func(f *logFile) store.Key { return store.K(f.Trail, f.At, f.Object) }, store.Unwatched[logFile]())

// A signingKey signs the digests of a Region, of every account.
type signingKey struct {
	From        time.Time `cbor:"1,keyasint"`
	To          time.Time `cbor:"2,keyasint"`
	Fingerprint string    `cbor:"3,keyasint"`
	Private     []byte    `cbor:"4,keyasint"` // PKCS #1
	Public      []byte    `cbor:"5,keyasint"` // PKCS #1
}

var signingKeys = store.NewTable("cloudtrail.key", func(k *signingKey) store.Key { return store.K("key", k.From, k.Fingerprint) })
