package gateway

import "github.com/garrison-cloud/garrison/internal/wire"

// decode reads the request into the SDK's input, and holds it to the model's
// constraints.
func (x *exchange) decode() (err error) {
	x.in, err = x.service.Decode(x.protocol, x.op, &wire.Request{
		Method: x.r.Method, Labels: x.labels, RawQuery: x.r.URL.RawQuery,
		Header: x.r.Header, Host: x.r.Host, Body: x.body, Stream: x.stream,
	})
	return err
}
