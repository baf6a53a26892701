package gateway

import (
	"net/url"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// decode reads the request into the SDK's input, and holds it to the model's
// constraints.
func (x *exchange) decode() (err error) {
	x.call.Body = x.body
	x.in, err = x.service.Decode(x.protocol, x.op, &wire.Request{
		Method: x.r.Method, Labels: x.labels, RawQuery: x.r.URL.RawQuery,
		Header: x.r.Header, Host: x.r.Host, Body: x.queueInPath(), Stream: x.stream,
	})
	return err
}

// queueInPath returns the body with the queue that a query request to SQS names by
// its path alone: POST /111122223333/orders (SQS Developer Guide, "Making Query API
// requests"). The path is signed like the body.
func (x *exchange) queueInPath() []byte {
	if x.protocol != wire.Query || x.service.Name() != "sqs" || strings.Trim(x.r.URL.Path, "/") == "" {
		return x.body
	}
	form := string(x.body)
	if len(x.body) == 0 {
		form = x.r.URL.RawQuery
	}
	if strings.HasPrefix(form, "QueueUrl=") || strings.Contains(form, "&QueueUrl=") {
		return x.body
	}
	return []byte(form + "&QueueUrl=" + url.QueryEscape(x.call.Endpoint+x.r.URL.Path))
}
