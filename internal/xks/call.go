package xks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strings"
)

const (
	// signingName is the service in the signature's scope (specification,
	// Appendix A).
	signingName = "kms-xks-proxy"
	// maxResponse bounds an answer, in bytes. The longest that means anything is
	// Encrypt's, under 6 KiB; ten key managers describe themselves in the rest.
	maxResponse = 16 << 10
	// maxKeyID bounds an externalKeyId, in characters.
	maxKeyID = 128
	jsonType = "application/json"
)

// keyURI returns the rest of an operation's URI. The model takes "." and ".." for
// key ids; as a path's segment they name another place, so they are refused.
func keyURI(keyID, operation string) (string, error) {
	if keyID == "" || keyID == "." || keyID == ".." || len(keyID) > maxKeyID || strings.ContainsFunc(keyID, foreign) {
		return "", fmt.Errorf("%w: external key id", ErrInvalidRequest)
	}
	return "/keys/" + keyID + "/" + operation, nil
}

// foreign reports whether a key id can't have r.
func foreign(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}

// call posts in to uri, below the base, and decodes the answer into out.
func (c *Client) call(ctx context.Context, uri string, in, out any) error {
	if len(c.base)+len(uri) > maxURI {
		return fmt.Errorf("%w: the URI is longer than %d", ErrInvalidRequest, maxURI)
	}
	payload, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	way := &journey{caller: ctx}
	req, err := c.signed(httptrace.WithClientTrace(bounded, way.trace()), uri, payload)
	if err != nil {
		return err
	}
	body, status, err := c.exchange(req)
	switch {
	case err != nil:
		return way.failure(err)
	case status != http.StatusOK:
		return refusal(status, body)
	}
	return read(body, out)
}

// signed returns the request for payload. Its signature covers Host, X-Amz-Date
// and the payload's hash, as the specification has it for HTTP/1.1; whatever else
// the request carries is put in after signing.
func (c *Client) signed(ctx context.Context, uri string, payload []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+uri, bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	length := req.ContentLength
	req.ContentLength = 0
	sum := sha256.Sum256(payload)
	if err := c.signer.SignHTTP(ctx, c.credentials, req, hex.EncodeToString(sum[:]), signingName, c.region, c.clock.Now()); err != nil {
		return nil, fmt.Errorf("sign a request: %w", err)
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", jsonType)
	req.Header.Set("Accept", jsonType)
	// Every operation may be repeated. Without a value the header isn't sent, but
	// lets net/http retry on a fresh connection when an idle one has been closed.
	req.Header["Idempotency-Key"] = nil
	return req, nil
}

// exchange sends req and returns the answer's body and status.
func (c *Client) exchange(req *http.Request) ([]byte, int, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return nil, 0, err
	}
	if len(body) > maxResponse {
		return nil, 0, fmt.Errorf("%w: more than %d bytes", ErrInvalidResponse, maxResponse)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != jsonType {
		return nil, 0, fmt.Errorf("%w: status %d without %s", ErrInvalidResponse, resp.StatusCode, jsonType)
	}
	return body, resp.StatusCode, nil
}
