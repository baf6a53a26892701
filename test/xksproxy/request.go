package xksproxy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
)

// The proxy's operations, as they end a URI.
const (
	OpHealth   = "health"
	OpMetadata = "metadata"
	OpEncrypt  = "encrypt"
	OpDecrypt  = "decrypt"
)

// Metadata is requestMetadata as it was sent. A field that wasn't is empty.
type Metadata struct {
	PrincipalARN string `json:"awsPrincipalArn"`
	SourceVPC    string `json:"awsSourceVpc"`
	SourceVPCE   string `json:"awsSourceVpce"`
	KeyARN       string `json:"kmsKeyArn"`
	Operation    string `json:"kmsOperation"`
	RequestID    string `json:"kmsRequestId"`
	ViaService   string `json:"kmsViaService"`
}

// valid holds m to the fields that the operation op must and mustn't have.
func (m *Metadata) valid(op string) bool {
	ok := m.Operation != "" && m.RequestID != ""
	for _, s := range []string{m.PrincipalARN, m.SourceVPC, m.SourceVPCE, m.KeyARN, m.Operation, m.RequestID, m.ViaService} {
		ok = ok && len(s) <= 2048
	}
	switch op {
	case OpHealth:
		return ok
	case OpMetadata:
		return ok && m.PrincipalARN != ""
	default:
		return ok && m.PrincipalARN != "" && m.KeyARN != ""
	}
}

// A request is the body of any operation: each uses its own fields of it.
type request struct {
	Metadata           *Metadata `json:"requestMetadata"`
	Plaintext          *string   `json:"plaintext"`
	AAD                string    `json:"additionalAuthenticatedData"`
	Algorithm          string    `json:"encryptionAlgorithm"`
	IntegrityAlgorithm *string   `json:"ciphertextDataIntegrityValueAlgorithm"`
	Ciphertext         *string   `json:"ciphertext"`
	CiphertextMetadata string    `json:"ciphertextMetadata"`
	IV                 *string   `json:"initializationVector"`
	Tag                *string   `json:"authenticationTag"`
}

// parse reads the body of an operation. It passes over members that it doesn't
// know, as KMS may come to send more, and returns nil for what is malformed.
func parse(op string, body []byte) *request {
	d := json.NewDecoder(bytes.NewReader(body))
	var r request
	if d.Decode(&r) != nil || r.Metadata == nil || !r.Metadata.valid(op) {
		return nil
	}
	if _, err := d.Token(); err != io.EOF {
		return nil
	}
	if op == OpEncrypt || op == OpDecrypt {
		if r.Algorithm != "AES_GCM" || r.IntegrityAlgorithm != nil && *r.IntegrityAlgorithm != "SHA_256" {
			return nil
		}
	}
	return &r
}

// decode reads strict base64 that must be there.
func decode(s *string) ([]byte, bool) {
	if s == nil {
		return nil, false
	}
	out, err := base64.StdEncoding.Strict().DecodeString(*s)
	return out, err == nil && base64.StdEncoding.EncodedLen(len(out)) == len(*s)
}
