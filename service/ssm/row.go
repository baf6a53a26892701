package ssm

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A parameter is a parameter and its latest version, so that the usual read is
// one row. The versions before are rows of their own.
type parameter struct {
	Account string `cbor:"1,keyasint"`
	// Path is the name without a leading slash, as the ARN has it: "/a" and "a"
	// have one ARN, so that there is one parameter of the two.
	Path   string  `cbor:"2,keyasint"`
	Rooted bool    `cbor:"3,keyasint,omitempty"` // the name begins with a slash
	Region string  `cbor:"4,keyasint"`
	Latest version `cbor:"5,keyasint"`
	// Oldest is the number of the first version that is kept.
	Oldest int64             `cbor:"6,keyasint"`
	Tags   map[string]string `cbor:"7,keyasint,omitempty"`
	// Labels is the version that each label is attached to.
	Labels map[string]int64 `cbor:"8,keyasint,omitempty"`
	// Rules are the parameter policies: what becomes of it at which time.
	Rules []rule `cbor:"9,keyasint,omitempty"`
	// Policy is the resource policy that shares it with other accounts, and
	// PolicyID names it; empty for none.
	Policy   string `cbor:"10,keyasint,omitempty"`
	PolicyID string `cbor:"11,keyasint,omitempty"`
}

// A version is one value of a parameter and what was said with it.
type version struct {
	Account string              `cbor:"1,keyasint,omitempty"` // empty within a parameter, as is Path
	Path    string              `cbor:"2,keyasint,omitempty"`
	Number  int64               `cbor:"3,keyasint"`
	Type    types.ParameterType `cbor:"4,keyasint"`
	Tier    types.ParameterTier `cbor:"5,keyasint"`
	// Value is the text, or what KMS or an envelope has made of a SecureString's.
	Value          []byte    `cbor:"6,keyasint"`
	KeyID          string    `cbor:"7,keyasint,omitempty"` // as the caller named it
	Description    string    `cbor:"8,keyasint,omitempty"`
	AllowedPattern string    `cbor:"9,keyasint,omitempty"`
	DataType       string    `cbor:"10,keyasint"`
	Modified       time.Time `cbor:"11,keyasint"`
	By             string    `cbor:"12,keyasint,omitempty"` // the ARN of who wrote it
}

// hotRows is how many decoded rows are kept at hand, of up to 8 KB each.
const hotRows = 4096

// The rows lie in the order of their paths, so that a hierarchy is one range; the
// index "level" lists what is directly in one, however much lies below. Policies
// are indexed by their time, so that nothing has to look for them.
var parameters = store.NewTable("ssm.parameter",
	func(p *parameter) store.Key { return store.K(p.Account, p.Path) },
	store.Cached[parameter](hotRows), store.Unwatched[parameter](),
	store.Index("level", func(p *parameter) []store.Key { return []store.Key{p.level()} }),
	store.Index("due", func(p *parameter) []store.Key {
		at := p.due()
		if at.IsZero() {
			return nil
		}
		return []store.Key{store.K(at)}
	}))

var versions = store.NewTable("ssm.version",
	func(v *version) store.Key { return store.K(v.Account, v.Path, v.Number) },
	store.Unwatched[version]())

// A tally is how many parameters of each tier an account has.
type tally struct {
	Account  string `cbor:"1,keyasint"`
	Standard int64  `cbor:"2,keyasint"`
	Advanced int64  `cbor:"3,keyasint"`
}

var tallies = store.NewTable("ssm.tally",
	func(t *tally) store.Key { return store.K(t.Account) }, store.Unwatched[tally]())

// level is the parameter's place in the index of what is directly in a hierarchy.
func (p *parameter) level() store.Key {
	parent, leaf := "", p.Path
	if i := strings.LastIndexByte(p.Path, '/'); i >= 0 {
		parent, leaf = p.Path[:i], p.Path[i+1:]
	}
	return store.K(p.Account, parent, leaf)
}

func (p *parameter) name() string {
	if p.Rooted {
		return "/" + p.Path
	}
	return p.Path
}

func (p *parameter) arn() string { return arnOf(p.Region, p.Account, p.Path) }

func arnOf(region, account, path string) string {
	return arn.New("ssm", region, account, "parameter/"+path)
}

func (p *parameter) secure() bool { return p.Latest.secure() }

func (v *version) secure() bool { return v.Type == types.ParameterTypeSecureString }

func (v *version) advanced() bool { return v.Tier == types.ParameterTierAdvanced }

// gone tells that the parameter has expired. What the background work has not
// yet deleted is as good as deleted.
func (p *parameter) gone(now time.Time) bool {
	for i := range p.Rules {
		if p.Rules[i].Type == expiration && !now.Before(p.Rules[i].Due) {
			return true
		}
	}
	return false
}

// due is the time of the next policy that has something to do, zero for none.
func (p *parameter) due() time.Time {
	var first time.Time
	for i := range p.Rules {
		r := &p.Rules[i]
		if !r.Done && (first.IsZero() || r.Due.Before(first)) {
			first = r.Due
		}
	}
	return first
}

// labelsOf are a version's labels, in order.
func (p *parameter) labelsOf(number int64) []string {
	out := []string{}
	for label, on := range p.Labels {
		if on == number {
			out = append(out, label)
		}
	}
	slices.Sort(out)
	return out
}

// version reads one version; store.ErrNotFound if it is not kept.
func (p *parameter) version(tx *store.Tx, number int64) (*version, error) {
	if number == p.Latest.Number {
		return &p.Latest, nil
	}
	return versions.Get(tx, p.Account, p.Path, number)
}
