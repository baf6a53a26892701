// Package federation verifies what identity providers say of their users: the
// JSON web tokens of OpenID Connect, and the responses of SAML 2.0. It refuses
// whatever a signature does not cover, whatever can be read in two ways, and
// algorithms that prove nothing. It fetches nothing: keys, metadata and the time
// are arguments.
//
//	token, key set, now → Verify → Token;  response, metadata, now → Verify → Assertion
package federation

import "fmt"

// A Reason says what is wrong with what a provider is said to have issued.
type Reason int

// The reasons, after the errors of AssumeRoleWithWebIdentity and
// AssumeRoleWithSAML (STS API Reference).
const (
	// Invalid: it cannot be read, or is not what the provider has signed for us.
	Invalid Reason = iota
	// Expired: it was good, and its time is over.
	Expired
	// Rejected: the provider itself says that the user was not authenticated.
	Rejected
)

// An Error is why a token or a response is refused. Its message is for the caller
// and has nothing of the token in it but times.
type Error struct {
	Reason  Reason
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

func invalid(message string) error { return &Error{Invalid, message} }

func invalidf(format string, args ...any) error { return &Error{Invalid, fmt.Sprintf(format, args...)} }

func expired(message string) error { return &Error{Expired, message} }

// limits of what is read.
const (
	// maxToken is AssumeRoleWithWebIdentity's own limit of WebIdentityToken.
	maxToken = 20_000
	// maxKeySet bounds a JWKS in bytes: a hundred keys of each kind fit.
	maxKeySet = 512 << 10
	// maxKeys is how many keys of a kind a set may have (IAM API Reference,
	// CreateOpenIDConnectProvider).
	maxKeys = 100
	// minModulus is the shortest RSA modulus that is trusted, in bits, maxModulus
	// the longest that is computed with.
	minModulus, maxModulus = 2048, 8192
)
