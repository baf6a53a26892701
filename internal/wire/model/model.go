// Package model holds what is known of AWS's APIs: one table a service, with
// its operations and shapes as AWS's own models give them. It knows nothing of
// HTTP or of Go types, and refuses to hold a table in memory: a table is text in
// the binary, sorted, of which only the lines that are asked for are ever read.
//
//	botocore's service-2.json → modelgen → kms.table → Lookup("kms").Shape("KeyIdType")
package model

// A Kind is the kind of a shape.
type Kind uint8

// The kinds of shapes in AWS's models. A Union is a structure of which exactly
// one member is set.
const (
	Structure Kind = iota
	Union
	List
	Map
	String
	Boolean
	Integer
	Long
	Float
	Double
	Timestamp
	Blob
)

var kindNames = [...]string{
	Structure: "structure", Union: "union", List: "list", Map: "map", String: "string", Boolean: "boolean",
	Integer: "integer", Long: "long", Float: "float", Double: "double", Timestamp: "timestamp", Blob: "blob",
}

// String returns the kind's name in the tables.
func (k Kind) String() string { return kindNames[k] }

// Metadata describes a service as a whole. Fields that a service's protocols do
// not use are empty.
type Metadata struct {
	// Name is the SDK package name, such as "kms".
	Name string
	// APIVersion is the date that query clients send as Version.
	APIVersion string
	// ServiceID is the SDKs' name, such as "KMS"; EndpointPrefix the host's first
	// label, SigningName the name in a signature's scope.
	ServiceID, EndpointPrefix, SigningName string
	// Protocols are botocore's names of what the service speaks, its own favourite first.
	Protocols []string
	// JSONVersion is "1.0" or "1.1"; TargetPrefix goes before the operation's name
	// in X-Amz-Target.
	JSONVersion, TargetPrefix string
	// XMLNamespace is the namespace of the query protocols' answers.
	XMLNamespace string
	// QueryCompatible tells that the service spoke awsQuery before, whose error
	// codes it still sends in x-amzn-query-error.
	QueryCompatible bool
}

// An Operation is one operation of a service.
type Operation struct {
	Name string
	// Method, URI and Status are the HTTP binding; the URI has {labels} and may
	// have a literal query. Status is 0 where the model leaves it open.
	Method, URI string
	Status      int
	// Input and Output refer to structures; their Shape is empty where there is none.
	Input, Output Member
	// ResultWrapper is the element around a query protocol's output.
	ResultWrapper string
	// HostPrefix goes before the endpoint's host and may have {labels}.
	HostPrefix string
	// Errors are the names of the exception shapes that the operation may answer.
	Errors []string
	// Unauthenticated tells that the operation takes unsigned requests;
	// UnsignedPayload that the body's hash is not part of the signature.
	Unauthenticated, UnsignedPayload bool
	// Compressible tells that clients may compress the request's body.
	Compressible bool
}

// A Location says which part of an HTTP message carries a member.
type Location uint8

// The locations of members. Body is the default.
const (
	Body Location = iota
	Header
	Headers
	QueryString
	URI
	StatusCode
)

var locationNames = [...]string{
	Body: "", Header: "header", Headers: "headers", QueryString: "querystring", URI: "uri", StatusCode: "statusCode",
}

// A Member is a reference to a shape: a structure's member, a list's "member",
// or a map's "key" and "value".
type Member struct {
	Name, Shape string
	Location    Location
	// WireName is locationName, empty where it is the member's own; QueryName is
	// what ec2Query requests use before it.
	WireName, QueryName string
	// Namespace and Prefix are the element's xmlns and its prefix.
	Namespace, Prefix string
	// TimestampFormat overrides the protocol's and the shape's.
	TimestampFormat string
	Required        bool
	Flattened       bool
	Attribute       bool
	Streaming       bool
	HostLabel       bool
	JSONValue       bool
	IdempotencyKey  bool
}

// A Shape is a type of AWS's model.
type Shape struct {
	Name string
	Kind Kind
	// Members are a structure's or a union's in the model's order, a list's
	// "member", or a map's "key" and "value".
	Members []Member
	// Payload names the member that is the whole HTTP body.
	Payload string
	// WireName, Namespace and Prefix are those of an XML payload's root.
	WireName, Namespace, Prefix string
	TimestampFormat             string
	// Min and Max bound a length, a size or a number; empty is no bound.
	Min, Max string
	// Pattern is a Java regular expression.
	Pattern string
	Enum    []string
	// Exception tells that the shape is an error; Code is its code where that is
	// not its name, Status its HTTP status or 0, Sender that the client is at
	// fault; Fault that the server is.
	Exception, Sender, Fault bool
	Code                     string
	Status                   int
	Sensitive                bool
	Streaming                bool
	EventStream              bool
	Flattened                bool
}

// Member returns the member of that name, or nil.
func (s *Shape) Member(name string) *Member {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return &s.Members[i]
		}
	}
	return nil
}
