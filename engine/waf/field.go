package waf

// FieldKind names a request component.
type FieldKind string

// The fourteen components, spelled as members of AWS's FieldToMatch.
const (
	SingleHeader        FieldKind = "SingleHeader"
	SingleQueryArgument FieldKind = "SingleQueryArgument"
	AllQueryArguments   FieldKind = "AllQueryArguments"
	URIPath             FieldKind = "UriPath"
	QueryString         FieldKind = "QueryString"
	Body                FieldKind = "Body"
	Method              FieldKind = "Method"
	JSONBody            FieldKind = "JsonBody"
	Headers             FieldKind = "Headers"
	Cookies             FieldKind = "Cookies"
	HeaderOrder         FieldKind = "HeaderOrder"
	JA3Fingerprint      FieldKind = "JA3Fingerprint"
	JA4Fingerprint      FieldKind = "JA4Fingerprint"
	URIFragment         FieldKind = "UriFragment"
)

// FieldToMatch is a request component with what AWS lets one say of it. Members
// that a kind does not have are left zero.
type FieldToMatch struct {
	Kind FieldKind
	// Name is a header's or query argument's, for the Single kinds.
	Name string
	// Included and Excluded are header or cookie names, or (Included only) JSON
	// pointers; both empty means All.
	Included, Excluded []string
	// Scope is ALL, KEY or VALUE, for Headers, Cookies and JsonBody.
	Scope MatchScope
	// Oversize is for Body, JsonBody (both CONTINUE when empty), Headers,
	// Cookies and HeaderOrder.
	Oversize Oversize
	// InvalidFallback is JsonBody's: MATCH, NO_MATCH, EVALUATE_AS_STRING, or
	// empty to evaluate what parsed before the first error.
	InvalidFallback string
	// Fallback is for fingerprints and the URI fragment when absent.
	Fallback Fallback
}

// MatchScope is which half of a name and value pair is inspected.
type MatchScope string

// The match scopes.
const (
	ScopeAll   MatchScope = "ALL"
	ScopeKey   MatchScope = "KEY"
	ScopeValue MatchScope = "VALUE"
)

// Oversize is what becomes of a component longer than can be inspected.
type Oversize string

// The oversize handlings.
const (
	OversizeContinue Oversize = "CONTINUE"
	OversizeMatch    Oversize = "MATCH"
	OversizeNoMatch  Oversize = "NO_MATCH"
)

// Transformation is one text transformation; the lowest priority runs first.
// Kind is the name AWS gives it, such as URL_DECODE.
type Transformation struct {
	Priority int32
	Kind     string
}
