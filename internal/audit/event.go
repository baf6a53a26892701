// Package audit records every API call as a CloudTrail event. It refuses to
// lose one: an event of a write is promised in the write's own transaction, and
// when events cannot be kept, calls are refused.
//
//	gateway → Log.Promise (in the write's transaction) → Log.Record → block → Log.Scan
package audit

import (
	"cmp"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/jsonenc"
)

// An Event is one API call, as CloudTrail describes it (CloudTrail User Guide,
// "CloudTrail record contents for management events").
type Event struct {
	// ID and RequestID are UUIDs; SharedID is set on the events that several
	// accounts receive of one call.
	ID, RequestID, SharedID string
	// Time is when the call arrived.
	Time time.Time
	// Type is CloudTrail's eventType; empty is "AwsApiCall".
	Type string
	// Source is the service's principal ("kms.amazonaws.com"), Name the operation.
	Source, Name string
	// Region is where the call was handled.
	Region string
	// Recipient is the account whose event this is. Foreign tells that it is not the
	// caller's: it learns of the caller only who that is.
	Recipient string
	Foreign   bool
	// Facts name the caller and how the call came.
	Facts *authz.Facts
	// ErrorCode and ErrorMessage are empty on success.
	ErrorCode, ErrorMessage string
	// Request and Response are JSON with nothing secret in it; empty is null.
	Request, Response []byte
	// ReadOnly tells that the operation changes no state.
	ReadOnly bool
	// Data tells that it is a data event: it is not in the event history.
	Data bool
	// To are those who receive the event beside the history. Promise and Record add
	// who takes it at that time.
	To []string
	// Resources are what the call acted on.
	Resources []Resource
	// TLS is empty for a call in the clear.
	TLS TLS
}

// A Resource is one thing that a call acted on.
type Resource struct {
	ARN     string `cbor:"1,keyasint"`
	Type    string `cbor:"2,keyasint"`
	Account string `cbor:"3,keyasint,omitempty"`
}

// TLS describes the connection that a call came over.
type TLS struct {
	Version, Cipher, Host string
}

// AppendJSON appends the event as CloudTrail delivers it.
func (e *Event) AppendJSON(dst []byte) []byte {
	o := jsonenc.Object{Buf: dst}
	o.String("eventVersion", "1.11")
	o.Name("userIdentity")
	o.Buf = e.appendIdentity(o.Buf)
	o.String("eventTime", e.Time.UTC().Format(time.RFC3339))
	o.String("eventSource", e.Source)
	o.String("eventName", e.Name)
	o.String("awsRegion", e.Region)
	o.String("sourceIPAddress", e.sourceAddress())
	o.String("userAgent", e.userAgent())
	o.Present("errorCode", e.ErrorCode)
	o.Present("errorMessage", e.ErrorMessage)
	o.Bytes("requestParameters", e.Request)
	o.Bytes("responseElements", e.Response)
	o.Present("requestID", e.RequestID)
	o.String("eventID", e.ID)
	o.Bool("readOnly", e.ReadOnly)
	appendResources(&o, e.Resources)
	o.String("eventType", cmp.Or(e.Type, "AwsApiCall"))
	o.Bool("managementEvent", !e.Data)
	o.String("recipientAccountId", e.Recipient)
	o.Present("sharedEventID", e.SharedID)
	o.String("eventCategory", e.category())
	e.appendTLS(&o)
	return o.Close()
}

func (e *Event) category() string {
	if e.Data {
		return "Data"
	}
	return "Management"
}

// sourceAddress is the calling service's name where a service makes the call.
func (e *Event) sourceAddress() string {
	if via := e.Facts.Via; len(via) > 0 {
		return via[len(via)-1]
	}
	return e.Facts.SourceIP
}

func (e *Event) userAgent() string {
	if via := e.Facts.Via; len(via) > 0 {
		return via[len(via)-1]
	}
	return e.Facts.UserAgent
}

func appendResources(o *jsonenc.Object, resources []Resource) {
	if len(resources) == 0 {
		return
	}
	o.Name("resources")
	o.Buf = append(o.Buf, '[')
	for i, r := range resources {
		if i > 0 {
			o.Buf = append(o.Buf, ',')
		}
		item := jsonenc.Object{Buf: o.Buf}
		item.Present("accountId", r.Account)
		item.String("type", r.Type)
		item.String("ARN", r.ARN)
		o.Buf = item.Close()
	}
	o.Buf = append(o.Buf, ']')
}

func (e *Event) appendTLS(o *jsonenc.Object) {
	if e.TLS.Version == "" {
		return
	}
	o.Name("tlsDetails")
	d := jsonenc.Object{Buf: o.Buf}
	d.String("tlsVersion", e.TLS.Version)
	d.String("cipherSuite", e.TLS.Cipher)
	d.String("clientProvidedHostHeader", e.TLS.Host)
	o.Buf = d.Close()
}

func (e *Event) appendIdentity(dst []byte) []byte {
	p := e.Facts.Principal
	o := jsonenc.Object{Buf: dst}
	if p.Kind == iam.WebIdentity || p.Kind == iam.SAML {
		return appendFederated(o, p)
	}
	if p.Kind == iam.ServicePrincipal { // it is of no account (CloudTrail userIdentity element, invokedBy)
		o.String("type", identityType(p))
		o.String("invokedBy", p.Service)
		return o.Close()
	}
	if e.Foreign {
		o.String("type", "AWSAccount")
		o.Present("principalId", p.ID)
		o.String("accountId", p.Account)
		return o.Close()
	}
	o.String("type", identityType(p))
	o.Present("principalId", p.ID)
	o.Present("arn", p.ARN)
	o.Present("accountId", p.Account)
	o.Present("accessKeyId", p.AccessKeyID)
	if p.Kind == iam.User {
		o.Present("userName", p.Name)
	}
	if p.Session != nil {
		o.Name("sessionContext")
		o.Buf = appendSession(o.Buf, p)
	}
	if via := e.Facts.Via; len(via) > 0 {
		o.String("invokedBy", via[len(via)-1])
	}
	return o.Close()
}

// appendFederated names a user whom an identity provider vouches for. SAML's
// providers are named by the hash that the user's id begins with (CloudTrail User
// Guide, "CloudTrail userIdentity element").
func appendFederated(o jsonenc.Object, p *authz.Principal) []byte {
	o.String("type", identityType(p))
	o.String("principalId", p.ID)
	o.String("userName", p.Name)
	provider := p.Provider
	if p.Kind == iam.SAML {
		provider, _, _ = strings.Cut(p.ID, ":")
	}
	o.String("identityProvider", provider)
	return o.Close()
}

func identityType(p *authz.Principal) string {
	switch p.Kind {
	case iam.WebIdentity:
		return "WebIdentityUser"
	case iam.SAML:
		return "SAMLUser"
	case iam.AccountRoot:
		return "Root"
	case iam.User:
		return "IAMUser"
	case iam.RoleSession:
		return "AssumedRole"
	case iam.FederatedUser:
		return "FederatedUser"
	case iam.ServicePrincipal:
		return "AWSService"
	case iam.Anonymous:
		return "AWSAccount"
	default:
		return "Unknown"
	}
}

func appendSession(dst []byte, p *authz.Principal) []byte {
	s := p.Session
	o := jsonenc.Object{Buf: dst}
	if s.IssuerKind == "Role" {
		o.Name("sessionIssuer")
		issuer := jsonenc.Object{Buf: o.Buf}
		issuer.String("type", s.IssuerKind)
		issuer.String("principalId", s.IssuerID)
		issuer.String("arn", s.IssuerARN)
		issuer.String("accountId", p.Account)
		issuer.String("userName", s.IssuerName)
		o.Buf = issuer.Close()
	}
	if p.Provider != "" {
		o.Name("webIdFederationData")
		web := jsonenc.Object{Buf: o.Buf}
		web.String("federatedProvider", p.Provider)
		web.Bytes("attributes", []byte("{}"))
		o.Buf = web.Close()
	}
	o.Name("attributes")
	a := jsonenc.Object{Buf: o.Buf}
	a.String("creationDate", s.Created.UTC().Format(time.RFC3339))
	if s.MFA {
		a.String("mfaAuthenticated", "true")
	} else {
		a.String("mfaAuthenticated", "false")
	}
	o.Buf = a.Close()
	o.Present("sourceIdentity", s.SourceIdentity)
	return o.Close()
}

// Username is the name that LookupEvents finds the event by: the user's, the
// role session's, or "root".
func (e *Event) Username() string {
	p := e.Facts.Principal
	if p.Kind == iam.AccountRoot {
		return "root"
	}
	if p.Name != "" {
		return p.Name
	}
	return p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
}
