package gateway

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/internal/sigv4"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxBody bounds a body that is held in memory. No operation that does not
// stream takes more.
const maxBody = 8 << 20

// bodyTimeout is how long a body that is held in memory may take to arrive.
const bodyTimeout = time.Minute

// route finds out which operation of which service in which Region is called,
// and in which protocol the answer must be.
func (x *exchange) route() error {
	x.clientFacts()
	x.protocol = guessProtocol(x.r)
	signature, err := sigv4.Parse(x.r)
	if err == nil && signature != nil {
		x.signature = signature
		x.scope = signature.Service
	}
	if e := x.find(); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	return x.place()
}

// guessProtocol looks at what every protocol puts into its headers.
func guessProtocol(r *http.Request) wire.Protocol {
	if r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		return wire.CBOR
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Header.Get("X-Amz-Target") != "" {
		if err == nil && media == "application/x-amz-json-1.0" {
			return wire.JSON10
		}
		return wire.JSON11
	}
	if err == nil && media == "application/x-www-form-urlencoded" || r.URL.Query().Has("Action") {
		return wire.Query
	}
	return wire.RestXML
}

// find sets the service and the operation.
func (x *exchange) find() error {
	switch x.protocol {
	case wire.CBOR:
		return x.findCBOR()
	case wire.JSON10, wire.JSON11:
		return x.findTarget()
	case wire.Query:
		return x.findAction()
	default:
		return x.findREST()
	}
}

// findCBOR reads /service/{name}/operation/{operation} (Smithy RPC v2 CBOR).
func (x *exchange) findCBOR() error {
	service, operation, ok := wire.ByRPCPath(x.r.URL.Path)
	if !ok {
		return x.unserved(x.scope)
	}
	return x.named(service, operation)
}

func (x *exchange) findTarget() error {
	service, operation, ok := wire.ByTarget(x.r.Header.Get("X-Amz-Target"))
	if !ok {
		return x.unserved(x.scope)
	}
	return x.named(service, operation)
}

// findAction reads a query protocol's Action, which may be in the body.
func (x *exchange) findAction() error {
	if err := x.readBody(); err != nil {
		return err
	}
	action, version := wire.Form(string(x.body), x.r.URL.RawQuery)
	name, ok := serviceOfQuery(x.scope, version, action)
	if !ok {
		return x.unserved(x.scope)
	}
	if s := x.g.services[name]; s != nil && s.Speaks(wire.EC2) {
		x.protocol = wire.EC2
	}
	if action == "" {
		e := wire.UnknownOperation.In(x.protocol, "Could not find operation: the request has no Action.")
		e.Code = "MissingAction"
		return e
	}
	return x.named(name, action)
}

func (x *exchange) findREST() error {
	name, ok := serviceOfREST(x.scope, x.r)
	s := x.g.services[name]
	if !ok || s == nil {
		return x.unserved(x.scope)
	}
	x.protocol = s.Protocols()[0]
	route := x.r.URL.EscapedPath()
	if name == "s3" {
		if bucket, ok := bucketOf(x.r.Host); ok {
			route = "/" + bucket + route
		}
	} else if path.Clean(route) != strings.TrimSuffix(route, "/") && route != "/" {
		// Outside S3 a signature covers the path without its dots and double
		// slashes, so only a path without them is sure to be the one that was signed.
		return x.unknown(x.r.Method + " " + x.r.URL.Path)
	}
	operation, labels, ok := s.Match(x.r.Method, route, x.r.URL.RawQuery, x.r.Header)
	if !ok {
		return x.unknown(x.r.Method + " " + x.r.URL.Path)
	}
	x.labels = labels
	return x.named(name, operation)
}

// named sets the service and the operation if they are served.
func (x *exchange) named(service, operation string) error {
	x.asked = clip(service + ":" + operation)
	s, ok := x.g.services[service]
	if !ok {
		return x.unserved(service)
	}
	if !s.Speaks(x.protocol) {
		return x.unknown(operation)
	}
	if _, ok := s.Operation(operation); !ok {
		if s.Modeled(operation) {
			return wire.NotImplemented.In(x.protocol, fmt.Sprintf("%s.%s is not implemented.", s.Name(), operation))
		}
		return x.unknown(operation)
	}
	x.service = s
	x.name = operation
	return nil
}

// place sets the Region, and with it the very service that is called.
func (x *exchange) place() error {
	name := x.g.Home
	if s := x.signature; s != nil {
		if signing := x.service.Metadata().SigningName; s.Service != signing {
			return sigv4.WrongService(s, signing)
		}
		if s.Region != "" && !x.g.Global[x.service.Name()] {
			name = s.Region
		}
	}
	region, ok := x.g.Regions[name]
	if !ok || x.signature != nil && !signedFor(x.signature, name) {
		return x.wrongRegion()
	}
	x.region, x.call.Region = region, name
	x.service = region.Services[x.service.Name()]
	op, _ := x.service.Operation(x.name)
	x.bind(&bound{service: x.service, op: op, action: x.g.byInput[name][op.In].action})
	return nil
}

// signedFor reports whether a SigV4A signature, which is for a set of Regions,
// is for this one.
func signedFor(s *sigv4.Signature, region string) bool {
	return s.Algorithm != sigv4.SigV4A || slices.ContainsFunc(s.RegionSet, func(pattern string) bool {
		ok, err := path.Match(pattern, region)
		return err == nil && ok
	})
}

// wrongRegion says which Regions there are: who asks for another has the wrong
// server, or has to start it with more.
func (x *exchange) wrongRegion() error {
	e := sigv4.WrongRegion(x.signature, strings.Join(x.g.regionNames, "', '"))
	e.Message = strings.TrimSuffix(e.Message, ".") + "; this server has " + strings.Join(x.g.regionNames, ", ") + " (garrison serve --regions)."
	return e
}

// bind names the call.
func (x *exchange) bind(b *bound) {
	x.service, x.op, x.action = b.service, b.op, b.action
	x.call.Service, x.call.Operation = b.service.Name(), b.op.Name
	x.asked = b.action
	x.begin()
}

func (x *exchange) unknown(operation string) error {
	message := "The requested operation is not recognized by the service."
	if operation != "" && (x.protocol == wire.Query || x.protocol == wire.EC2) {
		message = fmt.Sprintf("The action %s is not valid for this web service.", clip(operation))
	}
	return wire.UnknownOperation.In(x.protocol, message)
}

func (x *exchange) unserved(service string) error {
	if service == "" {
		return wire.MissingAuthentication.In(x.protocol, "Missing Authentication Token")
	}
	return wire.NotImplemented.In(x.protocol, fmt.Sprintf("The service %s is not implemented.", clip(service)))
}

// readBody takes the whole body into memory, once.
func (x *exchange) readBody() error {
	if x.body != nil || x.r.Body == nil {
		return nil
	}
	// A client that sends its body drop by drop must not hold a call for ever. What
	// cannot have a deadline is no connection.
	conn := http.NewResponseController(x.w)
	timed := conn.SetReadDeadline(x.g.Wall.Now().Add(bodyTimeout)) == nil
	b, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if timed {
		err = errors.Join(err, conn.SetReadDeadline(time.Time{}))
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return wire.RequestTooLarge.In(x.protocol, fmt.Sprintf("The request is larger than %d bytes.", maxBody))
	}
	if err != nil {
		e := wire.MalformedBody.In(x.protocol, "The request body could not be read.")
		e.Cause = err
		return e
	}
	x.body = b
	return nil
}
