package xks

import (
	"context"
	"fmt"
	"slices"
)

// What KMS asks of an external key before it takes it.
const (
	SpecAES256     = "AES_256"
	UsageEncrypt   = "ENCRYPT"
	UsageDecrypt   = "DECRYPT"
	StatusEnabled  = "ENABLED"
	StatusDisabled = "DISABLED"
)

// maxUsages bounds keyUsage.
const maxUsages = 10

// KeyMetadata is the answer to GetKeyMetadata.
type KeyMetadata struct {
	// KeySpec is the key's kind, such as SpecAES256.
	KeySpec string
	// KeyUsage has up to 10 usages, the key manager's own words among them.
	KeyUsage []string
	// KeyStatus is StatusEnabled or StatusDisabled.
	KeyStatus string
}

// Usable reports whether a KMS key can be made for the key: an enabled AES-256
// key that encrypts and decrypts (specification, GetKeyMetadata, KMS
// Considerations). For one that isn't KMS answers
// XksKeyInvalidConfigurationException.
func (m *KeyMetadata) Usable() bool {
	return m.KeySpec == SpecAES256 && m.KeyStatus == StatusEnabled &&
		slices.Contains(m.KeyUsage, UsageEncrypt) && slices.Contains(m.KeyUsage, UsageDecrypt)
}

// Metadata asks about the external key keyID. Errors: as of Health; the proxy
// answers NameKeyNotFound for a key that it doesn't have.
func (c *Client) Metadata(ctx context.Context, keyID string, by Caller) (*KeyMetadata, error) {
	uri, err := keyURI(keyID, "metadata")
	if err != nil {
		return nil, fmt.Errorf("xks metadata: %w", err)
	}
	metadata, err := by.forMetadata()
	if err != nil {
		return nil, fmt.Errorf("xks metadata: %w", err)
	}
	var out struct {
		KeySpec   string   `json:"keySpec"`
		KeyUsage  []string `json:"keyUsage"`
		KeyStatus string   `json:"keyStatus"`
	}
	if err := c.call(ctx, uri, healthRequest{metadata}, &out); err != nil {
		return nil, fmt.Errorf("xks metadata: %w", err)
	}
	if out.KeySpec == "" || out.KeyUsage == nil || len(out.KeyUsage) > maxUsages ||
		out.KeyStatus != StatusEnabled && out.KeyStatus != StatusDisabled {
		return nil, fmt.Errorf("xks metadata: %w: a field is missing or out of bounds", ErrInvalidResponse)
	}
	return &KeyMetadata{KeySpec: out.KeySpec, KeyUsage: out.KeyUsage, KeyStatus: out.KeyStatus}, nil
}
