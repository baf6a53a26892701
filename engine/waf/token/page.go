package token

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
)

// Endpoint is the path that pages post their answers to, on every host that an
// ACL with puzzles guards: a form with seed and answer. The edge answers 200 and
// sets the cookie, or 403.
const Endpoint = "/.garrison/waf/token"

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// Page renders a puzzle for a browser: a self-contained document which posts
// the answer to Endpoint and then loads the address again. nonce goes into the
// page's Content-Security-Policy, and must be that of the header.
func (p *Puzzle) Page(nonce string) ([]byte, error) {
	data := struct {
		Endpoint, Seed, Nonce string
		Difficulty            int
		Captcha               bool
		Image                 template.URL
	}{
		Endpoint: Endpoint, Seed: p.Seed, Nonce: nonce, Difficulty: p.Difficulty, Captcha: p.Kind == Captcha,
		Image: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(p.Image)), //nolint:gosec // a picture of our own
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("render puzzle page: %w", err)
	}
	return out.Bytes(), nil
}
