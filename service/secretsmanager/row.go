package secretsmanager

import (
	"slices"
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A secret is everything of a secret but its values. An account has one secret of
// a name at a time; Suffix tells it from earlier ones, as the ARN does.
type secret struct {
	Account     string `cbor:"1,keyasint"`
	Name        string `cbor:"2,keyasint"`
	Suffix      string `cbor:"3,keyasint"` // six characters
	Region      string `cbor:"4,keyasint"`
	Description string `cbor:"5,keyasint,omitempty"`
	// KMSKeyID is the key for new versions as the caller named it; empty for the
	// account's aws/secretsmanager.
	KMSKeyID   string            `cbor:"6,keyasint,omitempty"`
	Tags       map[string]string `cbor:"7,keyasint,omitempty"`
	Policy     string            `cbor:"8,keyasint,omitempty"`
	Created    time.Time         `cbor:"9,keyasint"`
	Changed    time.Time         `cbor:"10,keyasint"`
	Accessed   time.Time         `cbor:"11,keyasint,omitempty"` // a day; zero: never
	DeletionAt time.Time         `cbor:"12,keyasint,omitempty"` // zero: not marked for deletion
	// Stages is the version that each staging label is attached to. A version
	// that no label leads to is deprecated.
	Stages map[string]string `cbor:"13,keyasint,omitempty"`
	// Versions is how many versions there are, labeled or not.
	Versions int `cbor:"14,keyasint,omitempty"`
	// Bond is set for a replica, and Replicas are a primary's, by their Regions.
	Bond     *bond     `cbor:"15,keyasint,omitempty"`
	Replicas []replica `cbor:"16,keyasint,omitempty"`
	// Shared counts what the primary has told its replicas, so that of two letters
	// the later one counts.
	Shared uint64 `cbor:"17,keyasint,omitempty"`
	// Rotation is nil for a secret that was never to be rotated.
	Rotation *rotation `cbor:"18,keyasint,omitempty"`
}

// How many decoded rows are kept at hand. Versions hold values of up to 64 KiB.
const (
	hotSecrets  = 16384
	hotVersions = 1024
)

// The indexes serve the orders of ListSecrets; deletions are indexed by their
// time, so that nothing has to look for them.
var secrets = store.NewTable("secretsmanager.secret",
	func(s *secret) store.Key { return store.K(s.Account, s.Name) },
	store.Cached[secret](hotSecrets), store.Unwatched[secret](),
	store.Index("created", func(s *secret) []store.Key { return byTime(s.Account, s.Created) }),
	store.Index("changed", func(s *secret) []store.Key { return byTime(s.Account, s.Changed) }),
	store.Index("accessed", func(s *secret) []store.Key { return byTime(s.Account, s.Accessed) }),
	store.Index("deletion", func(s *secret) []store.Key {
		if s.DeletionAt.IsZero() {
			return nil
		}
		return []store.Key{store.K(s.DeletionAt)}
	}),
	store.Index("rotation", func(s *secret) []store.Key {
		if at := s.rotationDue(); !at.IsZero() {
			return []store.Key{store.K(at)}
		}
		return nil
	}))

// byTime puts what has never happened first.
func byTime(account string, t time.Time) []store.Key {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return []store.Key{store.K(account, t)}
}

// A version is one value of a secret, sealed under a data key of its own.
type version struct {
	Account  string    `cbor:"1,keyasint"`
	Name     string    `cbor:"2,keyasint"`
	Suffix   string    `cbor:"3,keyasint"`
	ID       string    `cbor:"4,keyasint"`
	Created  time.Time `cbor:"5,keyasint"`
	Accessed time.Time `cbor:"6,keyasint,omitempty"` // a day; zero: never
	Binary   bool      `cbor:"7,keyasint,omitempty"` // the value was given as SecretBinary
	Sealed   []byte    `cbor:"8,keyasint"`
	// Keys are the one data key under every KMS key that opens it, latest first.
	Keys []wrapped `cbor:"9,keyasint"`
}

// A wrapped is a data key as KMS has sealed it.
type wrapped struct {
	// KeyID is the KMS key's ARN.
	KeyID string `cbor:"1,keyasint"`
	// Default tells that the KMS key is the account's aws/secretsmanager.
	Default    bool   `cbor:"2,keyasint,omitempty"`
	Ciphertext []byte `cbor:"3,keyasint"`
}

var versions = store.NewTable("secretsmanager.version",
	func(v *version) store.Key { return store.K(v.Account, v.Name, v.Suffix, v.ID) },
	store.Cached[version](hotVersions), store.Unwatched[version]())

func (s *secret) arn() string {
	return arn.New("secretsmanager", s.Region, s.Account, "secret:"+s.Name+"-"+s.Suffix)
}

// pending tells that the secret is marked for deletion.
func (s *secret) pending() bool { return !s.DeletionAt.IsZero() }

// gone tells that the recovery window has passed. What the background work has
// not yet destroyed is as good as destroyed.
func (s *secret) gone(now time.Time) bool { return s.pending() && !now.Before(s.DeletionAt) }

// labels are the staging labels of a version, in order.
func (s *secret) labels(id string) []string {
	var out []string
	for label, on := range s.Stages {
		if on == id {
			out = append(out, label)
		}
	}
	slices.Sort(out)
	return out
}

// own is the range of the secret's versions.
func (s *secret) own() store.Key { return store.K(s.Account, s.Name, s.Suffix) }

// version reads one version; store.ErrNotFound if there is none.
func (s *secret) version(tx *store.Tx, id string) (*version, error) {
	return versions.Get(tx, s.Account, s.Name, s.Suffix, id)
}
