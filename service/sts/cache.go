package sts

import (
	"strings"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/recent"
)

// Credentials name a session: a token opens only with its own key id.
type credentials struct{ accessKeyID, token string }

// A session is an opened token. It never changes.
type session struct {
	secret    string
	principal *authz.Principal
	managed   []string // ARNs of session policies that the principal still lacks
}

// String keeps the secret out of logs.
func (*session) String() string { return "redacted" }

// A cache keeps opened tokens, so that a client's second call costs a look-up. A
// token never changes its meaning, so nothing in it becomes stale but by time,
// which the reader checks.
type cache = recent.Map[credentials, *session]

// clone copies the strings, which may be parts of a whole request.
func (c credentials) clone() credentials {
	return credentials{strings.Clone(c.accessKeyID), strings.Clone(c.token)}
}
