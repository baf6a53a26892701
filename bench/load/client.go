package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// home is the Region of every call.
const home = "us-east-1"

// A client sends one operation's requests to one server, in turn where there are
// several.
type client struct {
	http     *http.Client
	url      string
	creds    aws.Credentials
	op       operation
	requests []request
	next     atomic.Uint64
}

// A request is a body and the hash that its signature covers.
type request struct {
	body []byte
	sum  string
}

func newClient(url string, creds aws.Credentials, op operation, requests ...request) *client {
	return &client{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}},
		url:  url, creds: creds, op: op, requests: requests,
	}
}

// close lets go of connections. A server that stops waits for those that were
// dialed and never used (net/http, Server.Shutdown).
func (c *client) close() { c.http.CloseIdleConnections() }

// newRequest encodes a form, which is sent as it is, or the members of an object.
func newRequest(members any) (request, error) {
	body := []byte(nil)
	if form, ok := members.(string); ok {
		body = []byte(form)
	} else {
		var err error
		if body, err = json.Marshal(members); err != nil {
			return request{}, err
		}
	}
	sum := sha256.Sum256(body)
	return request{body, hex.EncodeToString(sum[:])}, nil
}

// prepare makes the request of an operation.
func prepare(ctx context.Context, op operation, s *subject) (request, error) {
	m, err := op.members(ctx, s)
	if err != nil {
		return request{}, fmt.Errorf("prepare %s: %w", op.name, err)
	}
	return newRequest(m)
}

// send signs and sends the next request, and returns the answer's body.
func (c *client) send(ctx context.Context, signer *v4.Signer) ([]byte, error) {
	next := c.requests[c.next.Add(1)%uint64(len(c.requests))]
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(next.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, c.op.header)
	if err := signer.SignHTTP(ctx, c.creds, r, next.sum, c.op.service, home, time.Now()); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it is read to its end
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", c.op.name, resp.Status, b)
	}
	return b, nil
}
