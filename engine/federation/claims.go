package federation

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Claims are what a token says (OpenID Connect Core 1.0 §2).
type Claims struct {
	Issuer, Subject string
	// Audience is who the token is for; never empty.
	Audience []string
	// AuthorizedParty is to whom it was issued, empty if it doesn't say.
	AuthorizedParty string
	// Expires and IssuedAt are always set, NotBefore is zero if the token doesn't
	// say.
	Expires, NotBefore, IssuedAt time.Time
	// Methods are how the user was authenticated (amr).
	Methods []string
	Email   string
	// SourceIdentity, Tags and Transitive are for the session (IAM User Guide, "Pass
	// session tags in AWS STS"). They are bounded by the token's size alone.
	SourceIdentity string
	Tags           map[string]string
	Transitive     []string
}

// Client is the client id that the token counts for: that of the authorized party
// where there is one (IAM User Guide, "Create an OpenID Connect (OIDC) identity
// provider in IAM"). A token for several clients counts for none unless it says
// which of them has it.
func (c *Claims) Client() (id string, ok bool) {
	if c.AuthorizedParty != "" {
		return c.AuthorizedParty, true
	}
	if len(c.Audience) != 1 {
		return "", false
	}
	return c.Audience[0], true
}

// Claims of AWS's own.
const (
	tagsClaim   = "https://aws.amazon.com/tags"
	sourceClaim = "https://aws.amazon.com/source_identity"
)

// maxSubject is how long a subject may be (OpenID Connect Core 1.0 §2).
const maxSubject = 255

func (c *Claims) parse(payload []byte) error {
	members, err := object(payload)
	if err != nil {
		return invalid(notToken)
	}
	r := reader{members: members}
	c.Issuer, c.Subject = r.text("iss"), r.text("sub")
	c.Audience, c.AuthorizedParty = r.texts("aud"), r.text("azp")
	c.Expires, c.NotBefore, c.IssuedAt = r.time("exp"), r.time("nbf"), r.time("iat")
	c.Methods, c.Email, c.SourceIdentity = r.texts("amr"), r.text("email"), r.text(sourceClaim)
	r.tags(c)
	if r.err != nil {
		return r.err
	}
	return c.complete()
}

// complete refuses a token without what OpenID Connect requires.
func (c *Claims) complete() error {
	for _, claim := range []struct {
		name   string
		absent bool
	}{
		{"iss", c.Issuer == ""},
		{"sub", c.Subject == ""},
		{"aud", len(c.Audience) == 0 || slices.Contains(c.Audience, "")},
		{"exp", c.Expires.IsZero()},
		{"iat", c.IssuedAt.IsZero()},
	} {
		if claim.absent {
			return invalid("Missing a required claim: " + claim.name)
		}
	}
	if len(c.Subject) > maxSubject {
		return invalidf("The sub claim is longer than %d characters", maxSubject)
	}
	if c.SourceIdentity != "" {
		return checkSource(c.SourceIdentity)
	}
	return nil
}

// checkSource holds a source identity to its form (STS API Reference,
// AssumeRoleWithWebIdentity, SourceIdentity).
func checkSource(v string) error {
	if !sessionName.MatchString(v) || len(v) >= 4 && strings.EqualFold(v[:4], "aws:") {
		return invalid(`Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`)
	}
	return nil
}

// A reader reads claims, and keeps the first error.
type reader struct {
	members map[string]json.RawMessage
	err     error
}

func (r *reader) refuse(name string) {
	if r.err == nil {
		r.err = invalidf("Invalid claim: %s", name)
	}
}

func (r *reader) text(name string) string {
	v, err := text(r.members, name)
	if err != nil {
		r.refuse(name)
	}
	return v
}

// texts reads a string, or a list of them.
func (r *reader) texts(name string) []string {
	raw := r.members[name]
	if raw == nil || string(raw) == "null" {
		return nil
	}
	if bytes.HasPrefix(raw, []byte(`"`)) {
		return []string{r.text(name)}
	}
	out, err := list(raw)
	if err != nil {
		r.refuse(name)
	}
	return out
}

func list(raw json.RawMessage) ([]string, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, err
	}
	out := make([]string, len(items))
	for i, item := range items {
		if !bytes.HasPrefix(item, []byte(`"`)) { // null would read as an empty string
			return nil, fmt.Errorf("not a string")
		}
		if err := json.Unmarshal(item, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// time reads seconds since 1970, whole ones: AWS takes no others (STS API
// Reference, AssumeRoleWithWebIdentity, WebIdentityToken).
func (r *reader) time(name string) time.Time {
	raw := r.members[name]
	if raw == nil {
		return time.Time{}
	}
	var seconds int64
	if err := json.Unmarshal(raw, &seconds); err != nil || seconds < 1 || seconds > math.MaxInt32*64 {
		r.refuse(name)
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// tags reads session tags in both forms: nested below one claim, and each in a
// claim of its own.
func (r *reader) tags(c *Claims) {
	if raw := r.members[tagsClaim]; raw != nil {
		nested, err := object(raw)
		if err != nil {
			r.refuse(tagsClaim)
			return
		}
		if tags := nested["principal_tags"]; tags != nil {
			r.nestedTags(c, tags)
		}
		r.transitive(c, nested["transitive_tag_keys"])
	}
	prefix := tagsClaim + "/principal_tags/"
	for name, raw := range r.members {
		if key, ok := strings.CutPrefix(name, prefix); ok {
			r.tag(c, key, raw)
		}
	}
	r.transitive(c, r.members[tagsClaim+"/transitive_tag_keys"])
}

func (r *reader) nestedTags(c *Claims, raw json.RawMessage) {
	tags, err := object(raw)
	if err != nil {
		r.refuse(tagsClaim)
		return
	}
	for key, value := range tags {
		r.tag(c, key, value)
	}
}

// tag reads one tag's value, which may stand in a list of one.
func (r *reader) tag(c *Claims, key string, raw json.RawMessage) {
	values := (&reader{members: map[string]json.RawMessage{key: raw}}).texts(key)
	if _, taken := c.Tags[key]; taken || len(values) != 1 || key == "" {
		r.refuse(tagsClaim)
		return
	}
	if c.Tags == nil {
		c.Tags = map[string]string{}
	}
	c.Tags[key] = values[0]
}

func (r *reader) transitive(c *Claims, raw json.RawMessage) {
	if raw == nil {
		return
	}
	keys := (&reader{members: map[string]json.RawMessage{"keys": raw}}).texts("keys")
	if keys == nil && string(raw) != "null" && string(raw) != "[]" {
		r.refuse(tagsClaim)
	}
	c.Transitive = append(c.Transitive, keys...)
}
