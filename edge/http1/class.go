package http1

// A Class says how far a request is from what RFC 9112 lets a client send. The
// classes and their reasons are those of AWS's desync mitigation (Application
// Load Balancer guide, "Desync mitigation mode").
type Class uint8

// The classes, from harmless to dangerous.
const (
	Compliant  Class = iota
	Acceptable       // not compliant, and read alike by everyone
	Ambiguous        // two parsers may disagree about where it ends
	Severe           // no end can be told, or it was made to deceive
)

// String returns AWS's word for the class, as access logs show it.
func (c Class) String() string {
	switch c {
	case Acceptable:
		return "Acceptable"
	case Ambiguous:
		return "Ambiguous"
	case Severe:
		return "Severe"
	default:
		return "Compliant"
	}
}

// A Reason names the finding that decided a request's class.
type Reason string

// The reasons, with AWS's names.
const (
	NonCompliantHeader                Reason = "NonCompliantHeader"
	SpaceInURI                        Reason = "SpaceInUri"
	NonCompliantVersion               Reason = "NonCompliantVersion"
	GetHeadZeroContentLength          Reason = "GetHeadZeroContentLength"
	NonCrLfLineTermination            Reason = "NonCrLfLineTermination"
	EmptyHeader                       Reason = "EmptyHeader"
	AmbiguousURI                      Reason = "AmbiguousUri"
	UndefinedContentLengthSemantics   Reason = "UndefinedContentLengthSemantics"
	UndefinedTransferEncodingSemantic Reason = "UndefinedTransferEncodingSemantics"
	DuplicateContentLength            Reason = "DuplicateContentLength"
	BothTeClPresent                   Reason = "BothTeClPresent"
	SuspiciousHeader                  Reason = "SuspiciousHeader"
	MultilineHeader                   Reason = "MultilineHeader"
	BadHeader                         Reason = "BadHeader"
	BadURI                            Reason = "BadUri"
	BadVersion                        Reason = "BadVersion"
	BadMethod                         Reason = "BadMethod"
	MultipleContentLength             Reason = "MultipleContentLength"
	BadContentLength                  Reason = "BadContentLength"
	MultipleTransferEncodingChunked   Reason = "MultipleTransferEncodingChunked"
	BadTransferEncoding               Reason = "BadTransferEncoding"
)

// A Mode is a load balancer's desync mitigation mode.
type Mode uint8

// The modes of routing.http.desync_mitigation_mode.
const (
	Defensive Mode = iota // AWS's default
	Monitor
	Strictest
)

// Admits reports whether a request of class c goes on to a target. Severe ones never
// do: AWS lets Monitor pass them, but a request without a told end cannot be sent.
func (m Mode) Admits(c Class) bool {
	if m == Strictest {
		return c == Compliant
	}
	return c != Severe
}

// Closes reports whether both connections end after a request of class c.
func (m Mode) Closes(c Class) bool { return m == Defensive && c == Ambiguous }

// A Refusal is a request that has no answer but an error page.
type Refusal struct {
	Status int // what the client is told
	Class  Class
	Reason Reason
}

// Error names the finding; it never shows the request's bytes.
func (r *Refusal) Error() string { return "request refused: " + string(r.Reason) }
