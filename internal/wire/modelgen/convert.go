package main

import (
	"fmt"
	"slices"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// kindOverrides are shapes that botocore changed when it imported AWS's model,
// to stay compatible with itself; the SDKs have them as AWS does.
var kindOverrides = map[string]model.Kind{
	"s3.Expires":              model.Timestamp,
	"s3.PartNumberMarker":     model.String,
	"s3.NextPartNumberMarker": model.String,
}

func (s *service) metadata() *model.Metadata {
	in := &s.Metadata
	m := &model.Metadata{
		Name: s.pkg, APIVersion: in.APIVersion, ServiceID: in.ServiceID,
		EndpointPrefix: in.EndpointPrefix, SigningName: in.SigningName,
		Protocols: in.Protocols, JSONVersion: in.JSONVersion, TargetPrefix: in.TargetPrefix,
		XMLNamespace: in.XMLNamespace, QueryCompatible: in.QueryCompatible != nil,
	}
	if s.pkg == "s3" {
		m.XMLNamespace = "http://s3.amazonaws.com/doc/2006-03-01/" // botocore reads S3 without it
	}
	if m.SigningName == "" {
		m.SigningName = in.EndpointPrefix
	}
	if len(m.Protocols) == 0 {
		m.Protocols = []string{in.Protocol}
	}
	return m
}

func (s *service) operation(name string) (*model.Operation, error) {
	in := s.Operations[name]
	o := &model.Operation{
		Name: name, Method: in.HTTP.Method, URI: in.HTTP.RequestURI, Status: in.HTTP.ResponseCode,
		HostPrefix: in.Endpoint.HostPrefix, Unauthenticated: in.AuthType == "none", UnsignedPayload: in.UnsignedPayload,
		Compressible: in.Compression != nil,
	}
	for _, e := range in.Errors {
		o.Errors = append(o.Errors, e.Shape)
	}
	var err error
	if in.Input != nil {
		if o.Input, err = in.Input.member("input"); err != nil {
			return nil, err
		}
	}
	if in.Output != nil {
		o.ResultWrapper = in.Output.ResultWrapper
		o.Output, err = in.Output.member("output")
	}
	return o, err
}

func (r *reference) member(name string) (model.Member, error) {
	m := model.Member{
		Name: name, Shape: r.Shape, WireName: r.LocationName, QueryName: r.QueryName,
		TimestampFormat: r.TimestampFormat, Flattened: r.Flattened, Attribute: r.XMLAttribute,
		Streaming: r.Streaming, HostLabel: r.HostLabel, JSONValue: r.JSONValue, IdempotencyKey: r.IdempotencyToken,
	}
	if r.XMLNamespace != nil {
		m.Namespace, m.Prefix = r.XMLNamespace.URI, r.XMLNamespace.Prefix
	}
	switch r.Location {
	case "":
	case "header":
		m.Location = model.Header
	case "headers":
		m.Location = model.Headers
	case "querystring":
		m.Location = model.QueryString
	case "uri":
		m.Location = model.URI
	case "statusCode":
		m.Location = model.StatusCode
	default:
		return m, fmt.Errorf("member %s: location %q", name, r.Location)
	}
	return m, nil
}

func (s *service) shape(name string) (*model.Shape, error) {
	in := s.Shapes[name]
	kind, err := in.kind()
	if err != nil {
		return nil, err
	}
	sh := &model.Shape{
		Name: name, Kind: kind, Payload: in.Payload, WireName: in.LocationName,
		TimestampFormat: in.TimestampFormat, Pattern: in.Pattern, Enum: in.Enum,
		Exception: in.Exception, Fault: in.Fault, Code: in.Error.Code, Status: in.Error.HTTPStatusCode,
		Sender: in.Error.SenderFault, Sensitive: in.Sensitive, Streaming: in.Streaming,
		EventStream: in.EventStream, Flattened: in.Flattened,
	}
	if k, ok := kindOverrides[s.pkg+"."+name]; ok {
		sh.Kind = k
	}
	if in.XMLNamespace != nil {
		sh.Namespace, sh.Prefix = in.XMLNamespace.URI, in.XMLNamespace.Prefix
	}
	if in.Min != nil {
		sh.Min = in.Min.String()
	}
	if in.Max != nil {
		sh.Max = in.Max.String()
	}
	return sh, in.members(sh)
}

// members adds what the shape refers to.
func (in *shape) members(sh *model.Shape) error {
	add := func(name string, r *reference) error {
		m, err := r.member(name)
		m.Required = slices.Contains(in.Required, name)
		sh.Members = append(sh.Members, m)
		return err
	}
	switch sh.Kind {
	case model.List:
		return add("member", in.Member)
	case model.Map:
		if err := add("key", in.Key); err != nil {
			return err
		}
		return add("value", in.Value)
	default:
		return ordered(in.Members, add)
	}
}

func (in *shape) kind() (model.Kind, error) {
	kinds := map[string]model.Kind{
		"structure": model.Structure, "list": model.List, "map": model.Map, "string": model.String,
		"character": model.String, "boolean": model.Boolean, "integer": model.Integer, "long": model.Long,
		"float": model.Float, "double": model.Double, "timestamp": model.Timestamp, "blob": model.Blob,
	}
	k, ok := kinds[in.Type]
	if !ok {
		return 0, fmt.Errorf("type %q", in.Type)
	}
	if in.Union {
		k = model.Union
	}
	return k, nil
}
