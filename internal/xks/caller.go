package xks

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// maxField bounds each field of requestMetadata, in bytes: a proxy must take ARNs
// of 2048 characters and promises no more.
const maxField = 2048

// A Caller is on whose behalf a call is made, for the proxy's own authorization
// and log (specification, Appendix B). Each call sends the fields that the
// specification gives it and no other.
type Caller struct {
	// PrincipalARN is awsPrincipalArn: an ARN, a service principal or "AWS
	// Internal". Every call but Health must have it.
	PrincipalARN string
	// KeyARN is kmsKeyArn. Encrypt and Decrypt must have it and they alone send it.
	KeyARN string
	// Operation is kmsOperation, such as GenerateDataKey, and KmsHealthCheck for a
	// check that no KMS call asked for. Every call must have it.
	Operation string
	// RequestID is kmsRequestId, the one in CloudTrail. Every call must have it.
	RequestID string
	// ViaService is kmsViaService, or empty. Encrypt and Decrypt send it.
	ViaService string
	// SourceVPC and SourceVPCE are awsSourceVpc and awsSourceVpce: set if and only
	// if the KMS call came by a VPC endpoint (and, for Encrypt and Decrypt, its
	// caller owns the key). Health doesn't send them.
	SourceVPC, SourceVPCE string
}

// requestMetadata is Caller as it is sent.
type requestMetadata struct {
	PrincipalARN string `json:"awsPrincipalArn,omitempty"`
	KeyARN       string `json:"kmsKeyArn,omitempty"`
	Operation    string `json:"kmsOperation"`
	RequestID    string `json:"kmsRequestId"`
	ViaService   string `json:"kmsViaService,omitempty"`
	SourceVPC    string `json:"awsSourceVpc,omitempty"`
	SourceVPCE   string `json:"awsSourceVpce,omitempty"`
}

// forHealth returns what GetHealthStatus says of c.
func (c Caller) forHealth() (requestMetadata, error) {
	m := requestMetadata{Operation: c.Operation, RequestID: c.RequestID}
	return m, m.check(m.Operation, m.RequestID)
}

// forMetadata returns what GetKeyMetadata says of c.
func (c Caller) forMetadata() (requestMetadata, error) {
	m := requestMetadata{
		PrincipalARN: c.PrincipalARN, SourceVPC: c.SourceVPC, SourceVPCE: c.SourceVPCE,
		Operation: c.Operation, RequestID: c.RequestID,
	}
	return m, m.check(m.Operation, m.RequestID, m.PrincipalARN)
}

// forKeyUse returns what Encrypt and Decrypt say of c.
func (c Caller) forKeyUse() (requestMetadata, error) {
	m := requestMetadata(c)
	return m, m.check(m.Operation, m.RequestID, m.PrincipalARN, m.KeyARN)
}

// check holds every field to its bounds, and the required ones to being there.
func (m requestMetadata) check(required ...string) error {
	if slices.Contains(required, "") {
		return fmt.Errorf("%w: a field of requestMetadata is missing", ErrInvalidRequest)
	}
	for _, s := range []string{m.PrincipalARN, m.SourceVPC, m.SourceVPCE, m.KeyARN, m.Operation, m.RequestID, m.ViaService} {
		if len(s) > maxField || !utf8.ValidString(s) {
			return fmt.Errorf("%w: a field of requestMetadata is too long or not UTF-8", ErrInvalidRequest)
		}
	}
	return nil
}
