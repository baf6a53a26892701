package garrisontest

import (
	"io"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// HTTPClient returns a client for SDK configurations, whose request bodies can
// only be read. The SDK closes a body as soon as the answer begins; the WriteTo
// of its bodies then returns io.EOF, which net/http, when it is late to look for
// the body's end, takes for a failure to send, and cuts the connection off in
// the middle of the answer.
func HTTPClient() *PlainBodies { return &PlainBodies{awshttp.NewBuildableClient()} }

// PlainBodies is what HTTPClient returns: an aws.HTTPClient.
type PlainBodies struct{ client *awshttp.BuildableClient }

// Do implements aws.HTTPClient.
func (c *PlainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.client.Do(r)
}
