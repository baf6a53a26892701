package lambda

import (
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// latest is the version that can be changed.
const latest = "$LATEST"

// A function is what all versions of a function have in common.
type function struct {
	Account string            `cbor:"1,keyasint"`
	Name    string            `cbor:"2,keyasint"`
	Next    int64             `cbor:"3,keyasint"` // the next version's number
	Tags    map[string]string `cbor:"4,keyasint,omitempty"`
	// Reserved is the reserved concurrency, nil for none.
	Reserved *int32 `cbor:"5,keyasint,omitempty"`
}

var functions = store.NewTable("lambda.function",
	func(f *function) store.Key { return store.K(f.Account, f.Name) }, store.Unwatched[function]())

// A version is all of a function that can be run. A published one never changes.
type version struct {
	Account     string `cbor:"1,keyasint"`
	Name        string `cbor:"2,keyasint"`
	Number      int64  `cbor:"3,keyasint"` // 0 is $LATEST
	Description string `cbor:"4,keyasint,omitempty"`
	Role        string `cbor:"5,keyasint"`
	Runtime     string `cbor:"6,keyasint"`
	Handler     string `cbor:"7,keyasint,omitempty"`
	Timeout     int32  `cbor:"8,keyasint"`  // seconds
	Memory      int32  `cbor:"9,keyasint"`  // MB
	Storage     int32  `cbor:"10,keyasint"` // MB
	Arch        string `cbor:"11,keyasint"`
	// Env is the environment as KMS has sealed it, for Bound; KMSKey is the
	// customer's key, empty for aws/lambda.
	Env      []byte    `cbor:"12,keyasint,omitempty"`
	KMSKey   string    `cbor:"13,keyasint,omitempty"`
	Code     string    `cbor:"14,keyasint"` // names the package's rows
	CodeSize int64     `cbor:"15,keyasint"`
	CodeSHA  string    `cbor:"16,keyasint"`
	Modified time.Time `cbor:"17,keyasint"`
	Revision string    `cbor:"18,keyasint"`
}

var versions = store.NewTable("lambda.version",
	func(v *version) store.Key { return store.K(v.Account, v.Name, v.Number) }, store.Unwatched[version](),
	store.Index("code", func(v *version) []store.Key { return []store.Key{store.K(v.Account, v.Code)} }))

// An alias names a version, or two by weight.
type alias struct {
	Account     string `cbor:"1,keyasint"`
	Function    string `cbor:"2,keyasint"`
	Name        string `cbor:"3,keyasint"`
	Version     int64  `cbor:"4,keyasint"` // 0 is $LATEST
	Description string `cbor:"5,keyasint,omitempty"`
	// Second takes the share Weight of the invocations; a weight of 0 is none.
	Second   int64   `cbor:"6,keyasint,omitempty"`
	Weight   float64 `cbor:"7,keyasint,omitempty"`
	Revision string  `cbor:"8,keyasint"`
}

var aliases = store.NewTable("lambda.alias",
	func(a *alias) store.Key { return store.K(a.Account, a.Function, a.Name) }, store.Unwatched[alias]())

// A policy is the resource policy of a function, or of one qualifier of it.
type policy struct {
	Account    string      `cbor:"1,keyasint"`
	Function   string      `cbor:"2,keyasint"`
	Qualifier  string      `cbor:"3,keyasint"` // empty for the function itself
	Statements []statement `cbor:"4,keyasint"`
	Revision   string      `cbor:"5,keyasint"`
}

// A statement is one of a policy, as JSON.
type statement struct {
	ID   string `cbor:"1,keyasint"`
	JSON string `cbor:"2,keyasint"`
}

var policies = store.NewTable("lambda.policy",
	func(p *policy) store.Key { return store.K(p.Account, p.Function, p.Qualifier) }, store.Unwatched[policy]())

// An eventConfig says how asynchronous invocations are retried.
type eventConfig struct {
	Account   string    `cbor:"1,keyasint"`
	Function  string    `cbor:"2,keyasint"`
	Qualifier string    `cbor:"3,keyasint"`
	MaxAge    *int32    `cbor:"4,keyasint,omitempty"` // seconds
	Retries   *int32    `cbor:"5,keyasint,omitempty"`
	Modified  time.Time `cbor:"6,keyasint"`
}

var eventConfigs = store.NewTable("lambda.eventconfig",
	func(c *eventConfig) store.Key { return store.K(c.Account, c.Function, c.Qualifier) }, store.Unwatched[eventConfig]())

// An event is an asynchronous invocation that is not done yet.
type event struct {
	Account   string    `cbor:"1,keyasint"`
	ID        string    `cbor:"2,keyasint"` // the request id of every attempt
	Function  string    `cbor:"3,keyasint"`
	Qualifier string    `cbor:"4,keyasint,omitempty"`
	Attempts  int32     `cbor:"5,keyasint"` // that have failed by the function's fault
	Throttled int32     `cbor:"6,keyasint"` // attempts for which there was no room
	Received  time.Time `cbor:"7,keyasint"`
	Due       time.Time `cbor:"8,keyasint"`
	Payload   string    `cbor:"9,keyasint"` // names its rows
}

var events = store.NewTable("lambda.event",
	func(e *event) store.Key { return store.K(e.Account, e.ID) }, store.Unwatched[event](),
	store.Index("due", func(e *event) []store.Key { return []store.Key{store.K(e.Due)} }))

// A chunk is a part of what is too long for one row: a deployment package, or an
// event's payload.
type chunk struct {
	Account string `cbor:"1,keyasint"`
	ID      string `cbor:"2,keyasint"`
	N       int    `cbor:"3,keyasint"`
	Data    []byte `cbor:"4,keyasint"`
}

var chunks = store.NewTable("lambda.chunk",
	func(c *chunk) store.Key { return store.K(c.Account, c.ID, c.N) }, store.Unwatched[chunk]())

// A waste names chunks that nothing refers to, or nothing yet: Run removes those
// whose time has come.
type waste struct {
	Account string    `cbor:"1,keyasint"`
	ID      string    `cbor:"2,keyasint"`
	Due     time.Time `cbor:"3,keyasint"`
}

var wastes = store.NewTable("lambda.waste",
	func(w *waste) store.Key { return store.K(w.Account, w.ID) }, store.Unwatched[waste](),
	store.Index("due", func(w *waste) []store.Key { return []store.Key{store.K(w.Due)} }))

// functionARN names a function of an account, without a qualifier.
func (s *Service) functionARN(account, name string) string {
	return arn.New("lambda", s.Region, account, "function:"+name)
}

// qualified adds a qualifier unless it is empty.
func qualified(functionARN, qualifier string) string {
	if qualifier == "" {
		return functionARN
	}
	return functionARN + ":" + qualifier
}
