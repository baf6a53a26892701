package s3

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A version is one version of an object, or a delete marker. Of a key's versions the
// newest is in the table of objects, so that reading and listing touch nothing else; the
// others are in the table of versions.
type version struct {
	Bucket string `cbor:"1,keyasint"` // the bucket's id
	Key    string `cbor:"2,keyasint"`
	// ID is empty for the null version.
	ID string `cbor:"3,keyasint,omitempty"`
	// Order is greater the newer a version is; about nanoseconds since 1970.
	Order    int64     `cbor:"4,keyasint"`
	Modified time.Time `cbor:"5,keyasint"`
	Marker   bool      `cbor:"6,keyasint,omitempty"` // a delete marker
	Owner    string    `cbor:"7,keyasint"`           // account

	Size     int64              `cbor:"8,keyasint,omitempty"`
	ETag     string             `cbor:"9,keyasint,omitempty"` // without quotes
	Body     body               `cbor:"10,keyasint,omitzero"`
	Sealing  sealing            `cbor:"11,keyasint,omitzero"`
	Headers  headers            `cbor:"12,keyasint,omitzero"`
	Metadata map[string]string  `cbor:"13,keyasint,omitempty"`
	Tags     []tag              `cbor:"14,keyasint,omitempty"`
	Checksum checksum           `cbor:"15,keyasint,omitzero"`
	Class    types.StorageClass `cbor:"16,keyasint,omitempty"` // empty is STANDARD
	Lock     lock               `cbor:"17,keyasint,omitzero"`
	ACL      []grant            `cbor:"18,keyasint,omitempty"`
	// Replication is the version's own part in replication.
	Replication replication `cbor:"19,keyasint,omitzero"`
	// Restored is until when an archived version can be read.
	Restored time.Time `cbor:"20,keyasint,omitzero"`
}

// A body says where a version's bytes are.
type body struct {
	ID blob.ID `cbor:"1,keyasint,omitzero"` // zero: there are none
	// Inline tells that they lie in the store.
	Inline bool `cbor:"2,keyasint,omitempty"`
	// Parts is how many parts an upload in parts had; their list is then in the
	// manifest under ID.
	Parts int `cbor:"3,keyasint,omitempty"`
	// Sealed is the id under which the bytes were sealed, where they were copied as they
	// were; zero is ID.
	Sealed blob.ID `cbor:"4,keyasint,omitzero"`
}

// sealedAs is the id that the body's keys are derived of.
func (b body) sealedAs() blob.ID {
	if b.Sealed.IsZero() {
		return b.ID
	}
	return b.Sealed
}

// headers are what a client gives with an object and gets back.
type headers struct {
	CacheControl       string    `cbor:"1,keyasint,omitempty"`
	ContentDisposition string    `cbor:"2,keyasint,omitempty"`
	ContentEncoding    string    `cbor:"3,keyasint,omitempty"`
	ContentLanguage    string    `cbor:"4,keyasint,omitempty"`
	ContentType        string    `cbor:"5,keyasint,omitempty"`
	Expires            time.Time `cbor:"6,keyasint,omitzero"`
	Redirect           string    `cbor:"7,keyasint,omitempty"`
}

// A tag is a key and a value.
type tag struct {
	Key   string `cbor:"1,keyasint"`
	Value string `cbor:"2,keyasint,omitempty"`
}

// A lock keeps a version from being deleted.
type lock struct {
	Mode  types.ObjectLockMode `cbor:"1,keyasint,omitempty"`
	Until time.Time            `cbor:"2,keyasint,omitzero"`
	Hold  bool                 `cbor:"3,keyasint,omitempty"`
}

// nullVersion names the version that was put while the bucket kept none.
const nullVersion = "null"

// Both tables are unwatched: what follows from a write is written beside it.
var (
	objects = store.NewTable("s3.object",
		func(v *version) store.Key { return store.K(v.Bucket, v.Key) }, store.Unwatched[version]())
	versions = store.NewTable("s3.version",
		func(v *version) store.Key { return store.K(v.Bucket, v.Key, -v.Order) },
		store.Unwatched[version](),
		store.UniqueIndex("id", func(v *version) []store.Key { return []store.Key{store.K(v.Bucket, v.Key, v.name())} }))
)

// name is the version's id as the API says it.
func (v *version) name() string {
	if v.ID == "" {
		return nullVersion
	}
	return v.ID
}

// newVersionID returns an id as AWS makes them: 32 characters that say nothing.
func newVersionID() string {
	var b [24]byte
	rand.Read(b[:]) //nolint:errcheck // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// class is the storage class as lists say it.
func (v *version) class() types.StorageClass {
	if v.Class == "" {
		return types.StorageClassStandard
	}
	return v.Class
}
