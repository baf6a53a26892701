// Package xksproxy is a small external key store proxy, to test KMS against: AES
// keys in memory behind the AWS KMS External Key Store Proxy API Specification
// v1. It shares no code with the client that it judges, verifies signatures by
// the specification's own steps, and refuses whatever the specification lets a
// proxy refuse.
//
// The flow of a request: path → method → body, bounded → signature → switches →
// operation. Switches make it misbehave on purpose; it counts what it is asked.
package xksproxy

import (
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Path is the XksProxyUriPath that Start's proxy answers at.
const Path = "/example/prefix/kms/xks/v1"

// A Config says what a proxy knows from the start.
type Config struct {
	// Path is the XksProxyUriPath; empty means Path.
	Path string
	// Region is the one region that signatures are taken from; empty means any.
	Region string
	// Credentials has the secret access key of each access key id.
	Credentials map[string]string
	// Now tells the time, against which a signature's age is judged.
	Now func() time.Time
}

// A Proxy answers XKS requests. Its methods are safe for concurrent use.
type Proxy struct {
	path   string
	region string
	now    func() time.Time

	mu          sync.Mutex // guards what follows
	credentials map[string]string
	keys        map[string]*key
	ivSize      int
	note        []byte
	fault       fault
	health      string
	calls       map[string]int
	last        Request
}

// New returns a proxy without keys.
func New(cfg Config) *Proxy {
	p := &Proxy{
		path: cfg.Path, region: cfg.Region, now: cfg.Now, ivSize: 12, note: []byte("key_version=1"),
		credentials: map[string]string{}, keys: map[string]*key{}, calls: map[string]int{}, health: "ACTIVE",
	}
	if p.path == "" {
		p.path = Path
	}
	maps.Copy(p.credentials, cfg.Credentials)
	return p
}

// A key is an AES-256 key and what may be done with it.
type key struct {
	secret   [32]byte
	usage    []string
	spec     string
	disabled bool
}

// maxBody bounds a request, in bytes: the largest plaintext, AAD and metadata
// that the specification asks a proxy to take come to less.
const maxBody = 64 << 10

// ServeHTTP answers one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op, keyID, ok := p.route(r.URL.EscapedPath())
	if !ok || r.URL.RawQuery != "" {
		refuse(w, "InvalidUriPathException")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, "ValidationException")
		return
	}
	if !p.authentic(r, body) {
		refuse(w, "AuthenticationFailedException")
		return
	}
	p.answer(w, r, call{op: op, keyID: keyID, body: body})
}

// A call is a request whose sender is known.
type call struct {
	op, keyID string
	body      []byte
}

// route splits a path into the operation and the key.
func (p *Proxy) route(path string) (op, keyID string, ok bool) {
	rest, ok := strings.CutPrefix(path, p.path)
	if !ok {
		return "", "", false
	}
	if rest == "/health" {
		return OpHealth, "", true
	}
	rest, ok = strings.CutPrefix(rest, "/keys/")
	keyID, op, cut := strings.Cut(rest, "/")
	if !ok || !cut || !validKeyID(keyID) {
		return "", "", false
	}
	return op, keyID, op == OpMetadata || op == OpEncrypt || op == OpDecrypt
}

func validKeyID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// AddKey makes a key for encryption and decryption, under the external key id.
func (p *Proxy) AddKey(id string) {
	k := &key{spec: "AES_256", usage: []string{"ENCRYPT", "DECRYPT"}}
	_, _ = rand.Read(k.secret[:]) // crypto/rand never fails
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[id] = k
}
