package xks

import (
	"encoding/json"
	"errors"
	"fmt"
)

// What can go wrong without the proxy saying so. Each wraps what was seen.
var (
	// ErrInvalidConfig is New's: a field of Config is out of bounds.
	ErrInvalidConfig = errors.New("invalid configuration")
	// ErrInvalidRequest is a call out of the specification's bounds. Nothing was
	// sent.
	ErrInvalidRequest = errors.New("request is out of the specification's bounds")
	// ErrUnreachable is a connection that couldn't be made or broke before an
	// answer came.
	ErrUnreachable = errors.New("cannot communicate with the external key store proxy")
	// ErrInvalidTLS is a handshake that failed: an old version, or a certificate
	// that has expired, is of another host or of an authority not trusted.
	ErrInvalidTLS = errors.New("cannot establish a TLS connection to the external key store proxy")
	// ErrTimeout is a proxy that was reached but didn't answer in time.
	ErrTimeout = errors.New("the external key store proxy did not respond in time")
	// ErrInvalidResponse is an answer that isn't the specification's, whatever
	// its status.
	ErrInvalidResponse = errors.New("cannot interpret the response from the external key store proxy")
	// ErrInvalidSealed is UnmarshalSealed's.
	ErrInvalidSealed = errors.New("not a sealed external key store ciphertext")
)

// The names that a proxy gives its errors, and the status that goes with each
// (specification, Error codes).
const (
	NameValidation           = "ValidationException"           // 400
	NameInvalidState         = "InvalidStateException"         // 400
	NameInvalidCiphertext    = "InvalidCiphertextException"    // 400, of Decrypt
	NameInvalidKeyUsage      = "InvalidKeyUsageException"      // 400, of Encrypt and Decrypt
	NameAuthenticationFailed = "AuthenticationFailedException" // 401
	NameAccessDenied         = "AccessDeniedException"         // 403
	NameKeyNotFound          = "KeyNotFoundException"          // 404
	NameInvalidURIPath       = "InvalidUriPathException"       // 404
	NameThrottling           = "ThrottlingException"           // 429
	NameInternal             = "InternalException"             // 500
	NameUnsupportedOperation = "UnsupportedOperationException" // 501
	NameDependencyTimeout    = "DependencyTimeoutException"    // 503
)

// maxMessage is what an errorMessage stays under, in characters.
const maxMessage = 512

// An Error is the proxy's own refusal.
type Error struct {
	// Name is one of the Name constants: a name that isn't is an
	// ErrInvalidResponse.
	Name string
	// Message is the proxy's, for a log: KMS never shows it to its caller. It is
	// printable ASCII, under 512 characters, often empty.
	Message string
	// Status is the HTTP status that came with it. Name counts, not Status.
	Status int
}

// Error names the refusal and leaves the proxy's own words out: KMS must not
// pass them on.
func (e *Error) Error() string {
	return fmt.Sprintf("the external key store proxy answered %s (status %d)", e.Name, e.Status)
}

// refusal reads the body of an answer whose status isn't 200.
func refusal(status int, body []byte) error {
	var in struct {
		ErrorName    string `json:"errorName"`
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(body, &in); err != nil || status < 400 || !known(in.ErrorName) || !printable(in.ErrorMessage) {
		return fmt.Errorf("%w: status %d without a proper error", ErrInvalidResponse, status)
	}
	return &Error{Name: in.ErrorName, Message: in.ErrorMessage, Status: status}
}

func known(name string) bool {
	switch name {
	case NameValidation, NameInvalidState, NameInvalidCiphertext, NameInvalidKeyUsage,
		NameAuthenticationFailed, NameAccessDenied, NameKeyNotFound, NameInvalidURIPath,
		NameThrottling, NameInternal, NameUnsupportedOperation, NameDependencyTimeout:
		return true
	}
	return false
}

// printable reports whether s is a proper errorMessage. What isn't could forge a
// line of a log.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) < maxMessage
}
