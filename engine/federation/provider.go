package federation

// An OIDCProvider is what an account's IAM knows of an OpenID Connect provider
// that it trusts. It never changes.
type OIDCProvider struct {
	// ARN names it in trust policies.
	ARN string
	// URL is the issuer of its tokens, without https:// in front: condition keys
	// begin with it.
	URL string
	// ClientIDs are whom its tokens may be for.
	ClientIDs []string
	// Thumbprints are the SHA-1 sums of certificates, in 40 lower-case hexadecimal
	// digits, that the provider's servers may be vouched for by.
	Thumbprints []string
}
