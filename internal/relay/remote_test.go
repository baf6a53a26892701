package relay_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
)

func newSecret() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// serve puts a Region behind HTTP on a port of its own.
func serve(t testing.TB, secret []byte, log *slog.Logger, regions ...*region) string {
	t.Helper()
	c := relay.ServerConfig{Secret: secret, Clock: clock.NewFake(time.Unix(0, 0)), Logger: log}
	for _, g := range regions {
		c.Relays = append(c.Relays, g.relay)
	}
	s, err := relay.NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(relay.Path, s)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func remote(t testing.TB, url string, secret []byte, rt http.RoundTripper) *relay.Remote {
	t.Helper()
	r, err := relay.NewRemote(relay.RemoteConfig{URL: url, Secret: secret, Client: &http.Client{Transport: rt}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTwoProcesses has Regions behind two servers tell each other.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	secret := newSecret()
	a, b, c := newRegion(t, "a"), newRegion(t, "b"), newRegion(t, "c")
	one, two := serve(t, secret, nil, a), serve(t, secret, nil, b, c)
	a.relay.Connect("b", remote(t, two, secret, nil))
	a.relay.Connect("c", remote(t, two+"/", secret, nil))
	b.relay.Connect("a", remote(t, one, secret, nil))
	run(t, a.relay, b.relay, c.relay)
	want := numbered(0, 150)
	for _, text := range want {
		a.send(t, "b", topic, text)
		b.send(t, "a", topic, text)
		a.send(t, "c", topic, text)
	}
	for name, got := range map[string]func() []string{
		"a to b": func() []string { return b.got(t, "a", topic) },
		"b to a": func() []string { return a.got(t, "b", topic) },
		"a to c": func() []string { return c.got(t, "a", topic) },
	} {
		eventually(t, name, func() bool { return len(got()) >= len(want) })
		if !slices.Equal(got(), want) {
			t.Errorf("%s: applied %v, want %v", name, got(), want)
		}
	}
}

// TestRemoteErrors: what the far end says is told; nothing is forgotten.
func TestRemoteErrors(t *testing.T) {
	t.Parallel()
	secret := newSecret()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	b.relay.Handle("never", relay.Handler{Apply: refuse})
	url := serve(t, secret, nil, b)
	moved := httptest.NewServer(http.RedirectHandler(url+relay.Path, http.StatusPermanentRedirect))
	chatty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5000)) }))
	t.Cleanup(func() { moved.Close(); chatty.Close() })
	for _, tt := range []struct{ name, to, topic, url, want string }{
		{"a handler's refusal", "b", "never", url, "not today"},
		{"no handler", "b", "else", url, "nobody takes it here"},
		{"no such Region", "c", topic, url, "nobody takes it here"},
		{"a redirect", "b", topic, moved.URL, "308"},
		{"too long an answer", "b", topic, chatty.URL, "more than a relay does"},
		{"nobody listening", "b", topic, "http://127.0.0.1:1", "refused"},
	} {
		a.relay.Connect(tt.to, remote(t, tt.url, secret, nil))
		a.send(t, tt.to, tt.topic, "canary")
		_, err := a.relay.Step(t.Context(), tt.to, tt.topic)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: step = %v, want it to say %q", tt.name, err, tt.want)
		}
	}
	if got := b.got(t, "a", topic); len(got) != 0 {
		t.Errorf("applied %v, want nothing", got)
	}
}

// TestSenderPutBackBehindHTTP: the error that begins a stream anew goes through.
func TestSenderPutBackBehindHTTP(t *testing.T) {
	t.Parallel()
	secret := newSecret()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	url := serve(t, secret, nil, b)
	backup := a.copied()
	for _, text := range []string{"lost", "new"} {
		a.relay.Connect("b", remote(t, url, secret, nil))
		a.send(t, "b", topic, text)
		for range 3 {
			if _, err := a.relay.Step(t.Context(), "b", topic); err != nil && !errors.Is(err, relay.ErrForked) {
				t.Fatal(err)
			}
		}
		a.putBack(t, backup)
	}
	if got, want := b.got(t, "a", topic), []string{"lost", "new"}; !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
}

// TestWrongSecret: who hasn't the secret delivers nothing and learns nothing, and
// the log says so once a minute.
func TestWrongSecret(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	secret := newSecret()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	url := serve(t, secret, slog.New(slog.NewTextHandler(&lines, nil)), b)
	a.relay.Connect("b", remote(t, url, newSecret(), nil))
	a.send(t, "b", topic, "canary")
	for range 3 {
		if _, err := a.relay.Step(t.Context(), "b", topic); err == nil || !strings.Contains(err.Error(), "secret") {
			t.Errorf("step = %v, want it to speak of the secret", err)
		}
	}
	if got := strings.Count(lines.String(), "\n"); got != 1 || !strings.Contains(lines.String(), "same one") {
		t.Errorf("the log has %d lines, want one that says what to do:\n%s", got, &lines)
	}
	for name, body := range map[string][]byte{"nothing": nil, "noise": []byte("GRLY1 and more"), "too much": make([]byte, 9<<20)} {
		if status, text := ask(t, http.MethodPost, url, body); status < 400 || text != "" {
			t.Errorf("%s: answer = %d with %q, want a bare refusal", name, status, text)
		}
	}
	if status, _ := ask(t, http.MethodGet, url, nil); status != http.StatusMethodNotAllowed {
		t.Errorf("GET = %d, want 405", status)
	}
}

// A recorder keeps what goes over the wire, and can put other bytes in its place.
type recorder struct {
	mu                sync.Mutex
	requests, answers [][]byte
	forge             func(request, answer []byte) []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	sent := req.Clone(req.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := http.DefaultTransport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.answers = append(r.requests, body), append(r.answers, got)
	if r.forge != nil {
		got = r.forge(body, got)
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	return resp, nil
}

// TestForgedAnswers: an answer that was recorded, changed or made up acknowledges
// nothing, and nothing that goes over the wire can be read.
func TestForgedAnswers(t *testing.T) {
	t.Parallel()
	secret := newSecret()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	tap := &recorder{}
	b.relay.Handle("other", relay.Handler{Apply: write})
	a.relay.Connect("b", remote(t, serve(t, secret, nil, b), secret, tap))
	a.send(t, "b", topic, numbered(0, 5)...)
	a.send(t, "b", "other", numbered(0, 6)...)
	for _, topic := range []string{topic, "other"} {
		if _, err := a.relay.Step(t.Context(), "b", topic); err != nil {
			t.Fatal(err)
		}
	}
	recorded := tap.answers[len(tap.answers)-1] // says 6, the number that waits next
	a.send(t, "b", topic, "canary")
	for name, forge := range map[string]func(request, answer []byte) []byte{
		"of another request": func(_, _ []byte) []byte { return recorded },
		"changed":            func(_, answer []byte) []byte { answer[len(answer)-1] ^= 1; return answer },
		"cut short":          func(_, answer []byte) []byte { return answer[:20] },
		"its own request":    func(request, _ []byte) []byte { return request },
		"empty":              func(_, _ []byte) []byte { return nil },
	} {
		tap.forge = forge
		if _, err := a.relay.Step(t.Context(), "b", topic); err == nil {
			t.Errorf("an answer that is %s was taken", name)
		}
		if s := a.relay.Status(); s[1].Pending != 1 {
			t.Errorf("an answer that is %s: %d messages wait, want 1", name, s[1].Pending)
		}
	}
	for _, raw := range slices.Concat(tap.requests, tap.answers) {
		if bytes.Contains(raw, []byte("canary")) || bytes.Contains(raw, []byte(topic)) {
			t.Error("the payload or its topic goes over the wire in the clear")
		}
	}
	if got, want := b.got(t, "a", topic), append(numbered(0, 5), "canary"); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
}

// TestReplayedRequests: requests that were recorded tell nothing twice, and nothing
// at all to another Region or to a store that was made anew since.
func TestReplayedRequests(t *testing.T) {
	t.Parallel()
	secret := newSecret()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	tap := &recorder{}
	url := serve(t, secret, nil, b)
	a.relay.Connect("b", remote(t, url, secret, tap))
	for i := range 4 {
		a.send(t, "b", topic, numbered(i, 1)...)
		if _, err := a.relay.Step(t.Context(), "b", topic); err != nil {
			t.Fatal(err)
		}
	}
	anew := newRegion(t, "b")
	for _, target := range []string{url, serve(t, secret, nil, anew)} {
		for _, raw := range tap.requests {
			if status, _ := ask(t, http.MethodPost, target, raw); status != http.StatusOK {
				t.Errorf("a replayed request = %d, want an answer that tells nothing", status)
			}
		}
	}
	changed := slices.Clone(tap.requests[0])
	changed[bytes.IndexByte(changed[29:], 'b')+29] = 'c' // the receiver's name, in the open
	if status, _ := ask(t, http.MethodPost, url, changed); status != http.StatusForbidden {
		t.Errorf("a request for another Region = %d, want 403", status)
	}
	if got, want := b.got(t, "a", topic), numbered(0, 4); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
	if got := anew.got(t, "a", topic); len(got) != 0 {
		t.Errorf("a store that was made anew applied %v", got)
	}
}

func ask(t *testing.T, method, url string, body []byte) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url+relay.Path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	short := make([]byte, 31)
	if _, err := relay.NewServer(relay.ServerConfig{Secret: short}); !errors.Is(err, relay.ErrSecret) {
		t.Errorf("a short secret = %v, want %v", err, relay.ErrSecret)
	}
	if _, err := relay.NewRemote(relay.RemoteConfig{URL: "https://h", Secret: short}); !errors.Is(err, relay.ErrSecret) {
		t.Errorf("a short secret = %v, want %v", err, relay.ErrSecret)
	}
	for _, bad := range []string{"", "h:1", "ftp://h", "http://", "http://u:canary@h", "http://h?q", "http://h#f", "http://%zz"} {
		_, err := relay.NewRemote(relay.RemoteConfig{URL: bad, Secret: newSecret()})
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("URL %q = %v, want a refusal that doesn't show it", bad, err)
		}
	}
}

// FuzzRequest feeds the server's parser: what isn't sealed isn't decoded, and what
// is sealed and senseless is refused without a panic.
func FuzzRequest(f *testing.F) {
	key := bytes.Repeat([]byte{7}, 32)
	b := &relay.Batch{From: "a", To: "b", Topic: "t", Store: "s", First: 1, Seq: 1, Bodies: [][]byte{{0xa0}}}
	good, err := relay.SealRequest(key, b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte{})
	f.Add(good[:len(good)-1], []byte{0xa5})
	f.Add([]byte("GRLY1"), []byte{0xa1, 0x05, 0x9a, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw, plain []byte) {
		if _, _, _, err := relay.OpenRequest(make([]byte, 32), raw); err == nil {
			t.Error("bytes that nobody sealed by this secret were opened")
		}
		if decoded, err := relay.DecodeBatch(plain); err == nil && relay.Check(decoded) == nil {
			again, err := relay.SealRequest(key, decoded)
			if err != nil {
				t.Fatal(err)
			}
			if from, to, _, err := relay.OpenRequest(key, again); err != nil || from != decoded.From || to != decoded.To {
				t.Errorf("a batch that was decoded does not come through: %v", err)
			}
		}
	})
}

// refuse is the Apply of a handler that takes nothing.
func refuse(*store.Tx, *relay.Message) error { return errors.New("not today") }
