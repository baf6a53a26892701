package waf

// Statement holds exactly one of AWS's statements; the others are nil.
type Statement struct {
	ByteMatch       *ByteMatch
	SqliMatch       *SqliMatch
	XssMatch        *XssMatch
	SizeConstraint  *SizeConstraint
	GeoMatch        *GeoMatch
	RuleGroup       *RuleGroupReference
	IPSet           *IPSetReference
	RegexPatternSet *RegexSetReference
	RateBased       *RateBased
	And             []Statement
	Or              []Statement
	Not             *Statement
	ManagedGroup    *ManagedGroup
	LabelMatch      *LabelMatch
	RegexMatch      *RegexMatch
	AsnMatch        *AsnMatch
}

// Inspect says what part of a request a statement reads, and in what form.
type Inspect struct {
	Field           FieldToMatch
	Transformations []Transformation
}

// ByteMatch looks for the bytes of Search.
type ByteMatch struct {
	Inspect
	Search   []byte
	Position Position
}

// Position is where ByteMatch looks.
type Position string

// The positional constraints of ByteMatch.
const (
	Exactly      Position = "EXACTLY"
	StartsWith   Position = "STARTS_WITH"
	EndsWith     Position = "ENDS_WITH"
	Contains     Position = "CONTAINS"
	ContainsWord Position = "CONTAINS_WORD"
)

// SqliMatch looks for SQL injection. Sensitivity is LOW (also when empty) or
// HIGH.
type SqliMatch struct {
	Inspect
	Sensitivity string
}

// XssMatch looks for cross-site scripting.
type XssMatch struct{ Inspect }

// SizeConstraint compares a component's length in bytes, after transformations.
// Comparison is EQ, NE, LE, LT, GE or GT.
type SizeConstraint struct {
	Inspect
	Comparison string
	Size       int64
}

// ForwardedIP takes the address from a header in place of the connection.
type ForwardedIP struct {
	Header   string
	Fallback Fallback
	// Position is for IP sets alone: FIRST, LAST or ANY.
	Position string
}

// Fallback is the match status of a request whose component is unusable.
type Fallback string

// The fallback behaviors.
const (
	FallbackMatch   Fallback = "MATCH"
	FallbackNoMatch Fallback = "NO_MATCH"
)

// GeoMatch matches the client's country, ISO 3166-1 alpha-2. It also labels the
// request with the country and region it found.
type GeoMatch struct {
	Countries []string
	Forwarded *ForwardedIP
}

// AsnMatch matches the client's autonomous system number.
type AsnMatch struct {
	ASNs      []uint32
	Forwarded *ForwardedIP
}

// IPSetReference matches an address in the set that Deps.IPSet knows by ARN.
type IPSetReference struct {
	ARN       string
	Forwarded *ForwardedIP
}

// RegexSetReference matches any pattern of the set that Deps.RegexSet knows.
type RegexSetReference struct {
	Inspect
	ARN string
}

// RegexMatch matches one pattern.
type RegexMatch struct {
	Inspect
	Pattern string
}

// LabelMatch matches labels that earlier rules added. Scope is LABEL (the name,
// with as much of its namespace as is given) or NAMESPACE.
type LabelMatch struct{ Scope, Key string }

// RuleGroupReference runs the rules of Group, which the caller has resolved
// from ARN.
type RuleGroupReference struct {
	ARN       string
	Group     *RuleGroup
	Excluded  []string
	Overrides []ActionOverride
}

// ManagedGroup runs the rules of Group, which the caller has resolved from
// vendor, name and version, on requests that ScopeDown (if any) matches.
type ManagedGroup struct {
	Vendor, Name, Version string
	Group                 *RuleGroup
	ScopeDown             *Statement
	Excluded              []string
	Overrides             []ActionOverride
}

// RateBased matches the requests of an aggregation instance whose rate over
// Window seconds (60, 120, 300 or 600; 0 is 300) is above Limit.
type RateBased struct {
	Limit     int64
	Window    int64
	Aggregate Aggregate
	ScopeDown *Statement
	Forwarded *ForwardedIP
	Keys      []RateKey
}

// Aggregate says how RateBased tells requests apart.
type Aggregate string

// The aggregate key types.
const (
	AggregateIP          Aggregate = "IP"
	AggregateForwardedIP Aggregate = "FORWARDED_IP"
	AggregateCustom      Aggregate = "CUSTOM_KEYS"
	AggregateConstant    Aggregate = "CONSTANT"
)

// RateKeyKind is one kind of custom key, spelled as in AWS WAF's logs.
type RateKeyKind string

// The twelve kinds of custom key.
const (
	KeyHeader         RateKeyKind = "HEADER"
	KeyCookie         RateKeyKind = "COOKIE"
	KeyQueryArgument  RateKeyKind = "QUERY_ARGUMENT"
	KeyQueryString    RateKeyKind = "QUERY_STRING"
	KeyHTTPMethod     RateKeyKind = "HTTP_METHOD"
	KeyForwardedIP    RateKeyKind = "FORWARDED_IP"
	KeyIP             RateKeyKind = "IP"
	KeyLabelNamespace RateKeyKind = "LABEL_NAMESPACE"
	KeyURIPath        RateKeyKind = "URI_PATH"
	KeyJA3            RateKeyKind = "JA3_FINGERPRINT"
	KeyJA4            RateKeyKind = "JA4_FINGERPRINT"
	KeyASN            RateKeyKind = "ASN"
)

// RateKey is one of RateBased's custom keys. Name is a header's, cookie's or
// query argument's name or a label namespace; Fallback is for fingerprints.
type RateKey struct {
	Kind            RateKeyKind
	Name            string
	Transformations []Transformation
	Fallback        Fallback
}
