package token_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"image/png"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/engine/waf/token"
)

func key(id uint32) token.Key { return token.Key{ID: id, Secret: sha256.Sum256([]byte{byte(id)})} }

func visitor() token.Visitor {
	return token.Visitor{Host: "Shop.Example.com:8443", Client: netip.MustParseAddr("192.0.2.44"), Now: time.Unix(1_800_000_000, 0)}
}

func issuer(t testing.TB) *token.Issuer {
	t.Helper()
	keys, err := token.NewKeys(key(1))
	if err != nil {
		t.Fatal(err)
	}
	return &token.Issuer{Keys: keys, Entropy: rand.Reader, Difficulty: 8}
}

// work finds the proof as the page does.
func work(seed string, difficulty int) string {
	base := sha256.Sum256([]byte(seed))
	for n := 0; ; n++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%x.%d", base[:16], n))
		if sum[0] == 0 && difficulty == 8 {
			return strconv.Itoa(n)
		}
	}
}

func earn(t testing.TB, s *token.Issuer) string {
	t.Helper()
	p, err := s.Puzzle(token.Challenge, visitor())
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Redeem(token.Answer{Seed: p.Seed, Response: work(p.Seed, p.Difficulty)}, visitor())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestVerify(t *testing.T) {
	t.Parallel()
	s := issuer(t)
	good := earn(t, s)
	base := func() token.Query {
		v := visitor()
		return token.Query{Token: good, Host: v.Host, Client: v.Client, Now: v.Now, Immunity: 5 * time.Minute}
	}
	for _, tt := range []struct {
		name string
		edit func(q *token.Query)
		want token.Reason
	}{
		{"good", func(*token.Query) {}, token.OK},
		{"same network", func(q *token.Query) { q.Client = netip.MustParseAddr("192.0.2.200") }, token.OK},
		{"mapped address", func(q *token.Query) { q.Client = netip.MustParseAddr("::ffff:192.0.2.44") }, token.OK},
		{"other network", func(q *token.Query) { q.Client = netip.MustParseAddr("192.0.3.44") }, token.Invalid},
		{"none", func(q *token.Query) { q.Token = "" }, token.Missing},
		{"junk", func(q *token.Query) { q.Token = "junk" }, token.Invalid},
		{"long junk", func(q *token.Query) { q.Token = strings.Repeat("A", 4096) }, token.Invalid},
		{"at the end of immunity", func(q *token.Query) { q.Now = q.Now.Add(5 * time.Minute) }, token.OK},
		{"after immunity", func(q *token.Query) { q.Now = q.Now.Add(5*time.Minute + time.Second) }, token.Expired},
		{"from the future", func(q *token.Query) { q.Now = q.Now.Add(-2 * time.Minute) }, token.Invalid},
		{"captcha not solved", func(q *token.Query) { q.Kind = token.Captcha }, token.NotSolved},
		{"other host", func(q *token.Query) { q.Host = "api.example.com" }, token.DomainMismatch},
		{"token domain", func(q *token.Query) { q.Host, q.Domains = "api.example.com", []string{"example.com"} }, token.OK},
		{"no suffix of a name", func(q *token.Query) { q.Host, q.Domains = "x", []string{"ample.com"} }, token.DomainMismatch},
	} {
		q := base()
		tt.edit(&q)
		if got := s.Keys.Verify(q).Reason; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestTampered shows that no bit of a token can change.
func TestTampered(t *testing.T) {
	t.Parallel()
	s := issuer(t)
	good := earn(t, s)
	v := visitor()
	for i := range len(good) {
		for _, c := range []byte{'A', 'B', '-', good[i] ^ 1} {
			if c == good[i] {
				continue
			}
			bad := good[:i] + string(c) + good[i+1:]
			if r := s.Keys.Verify(token.Query{Token: bad, Host: v.Host, Client: v.Client, Now: v.Now, Immunity: time.Hour}); r.Reason != token.Invalid {
				t.Fatalf("byte %d as %q: %q", i, c, r.Reason)
			}
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	s := issuer(t)
	old := earn(t, s)
	v := visitor()
	reason := func(text string) token.Reason {
		return s.Keys.Verify(token.Query{Token: text, Host: v.Host, Client: v.Client, Now: v.Now, Immunity: time.Hour}).Reason
	}
	if err := s.Keys.Rotate(key(2), key(1)); err != nil {
		t.Fatal(err)
	}
	if r := reason(old); r != token.OK {
		t.Errorf("a token of the previous key: %q", r)
	}
	if r := reason(earn(t, s)); r != token.OK {
		t.Errorf("a token of the new key: %q", r)
	}
	if err := s.Keys.Rotate(key(2)); err != nil {
		t.Fatal(err)
	}
	if r := reason(old); r != token.Invalid {
		t.Errorf("a token of a key that is gone: %q", r)
	}
	for _, bad := range [][]token.Key{nil, {{ID: 1}}, {key(1), key(1)}} {
		if s.Keys.Rotate(bad...) == nil {
			t.Errorf("keys %v were taken", bad)
		}
	}
}

func TestRedeem(t *testing.T) {
	t.Parallel()
	s := issuer(t)
	p, err := s.Puzzle(token.Challenge, visitor())
	if err != nil {
		t.Fatal(err)
	}
	proof := work(p.Seed, p.Difficulty)
	for _, tt := range []struct {
		name string
		seed string
		resp string
		edit func(v *token.Visitor)
		want error
	}{
		{"right", p.Seed, proof, func(*token.Visitor) {}, nil},
		{"wrong", p.Seed, "no proof", func(*token.Visitor) {}, token.ErrWrong},
		{"long", p.Seed, strings.Repeat("1", 33), func(*token.Visitor) {}, token.ErrWrong},
		{"other client", p.Seed, proof, func(v *token.Visitor) { v.Client = netip.MustParseAddr("203.0.113.1") }, token.ErrInvalid},
		{"other host", p.Seed, proof, func(v *token.Visitor) { v.Host = "other" }, token.ErrInvalid},
		{"late", p.Seed, proof, func(v *token.Visitor) { v.Now = v.Now.Add(3 * time.Minute) }, token.ErrExpired},
		{"made up", strings.Repeat("A", len(p.Seed)), proof, func(*token.Visitor) {}, token.ErrInvalid},
	} {
		v := visitor()
		tt.edit(&v)
		if _, err := s.Redeem(token.Answer{Seed: tt.seed, Response: tt.resp}, v); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestCaptcha(t *testing.T) {
	t.Parallel()
	s := issuer(t)
	p, err := s.Puzzle(token.Captcha, visitor())
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(p.Image))
	if err != nil || img.Bounds().Dx() != 260 || img.Bounds().Dy() != 90 {
		t.Fatalf("picture %v, %v", img, err)
	}
	if _, err := s.Redeem(token.Answer{Seed: p.Seed, Response: "AAAAAA"}, visitor()); !errors.Is(err, token.ErrWrong) {
		t.Errorf("a guess: %v, want %v", err, token.ErrWrong)
	}
	// With entropy of zeros the letters are all the alphabet's first.
	s.Entropy = zeros{}
	if p, err = s.Puzzle(token.Captcha, visitor()); err != nil {
		t.Fatal(err)
	}
	text, err := s.Redeem(token.Answer{Seed: p.Seed, Response: "aaa aaa"}, visitor())
	if err != nil {
		t.Fatal(err)
	}
	v := visitor()
	for _, k := range []token.Kind{token.Captcha, token.Challenge} {
		if r := s.Keys.Verify(token.Query{Token: text, Kind: k, Host: v.Host, Client: v.Client, Now: v.Now, Immunity: time.Hour}); r.Reason != token.OK {
			t.Errorf("kind %d: %q", k, r.Reason)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestCarries shows that a token keeps what an earlier one had shown.
func TestCarries(t *testing.T) {
	t.Parallel()
	s := issuer(t)
	s.Entropy = zeros{}
	v := visitor()
	p, err := s.Puzzle(token.Captcha, v)
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Redeem(token.Answer{Seed: p.Seed, Response: "AAAAAA"}, v)
	if err != nil {
		t.Fatal(err)
	}
	v.Now = v.Now.Add(time.Minute)
	if p, err = s.Puzzle(token.Challenge, v); err != nil {
		t.Fatal(err)
	}
	second, err := s.Redeem(token.Answer{Seed: p.Seed, Response: work(p.Seed, 8), Previous: first}, v)
	if err != nil {
		t.Fatal(err)
	}
	r := s.Keys.Verify(token.Query{Token: second, Kind: token.Captcha, Host: v.Host, Client: v.Client, Now: v.Now, Immunity: time.Hour})
	if r.Reason != token.OK || !r.Solved.Equal(visitor().Now) {
		t.Errorf("captcha after a challenge: %+v", r)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	s := issuer(t)
	for _, k := range []token.Kind{token.Challenge, token.Captcha} {
		p, err := s.Puzzle(k, visitor())
		if err != nil {
			t.Fatal(err)
		}
		html, err := p.Page("abc123")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{p.Seed, `nonce="abc123"`, "/.garrison/waf/token"} {
			if !strings.Contains(strings.ReplaceAll(string(html), `\/`, "/"), want) {
				t.Errorf("page %d holds no %q", k, want)
			}
		}
		if got := strings.Contains(string(html), "data:image/png;base64,"); got != (k == token.Captcha) {
			t.Errorf("page %d: picture %v", k, got)
		}
	}
}

func TestCookieDomain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host string
		list []string
		want string
	}{
		{"a.example.com", nil, ""},
		{"a.example.com", []string{"example.com", "a.example.com"}, "example.com"},
		{"a.example.com", []string{"ample.com", "example.org"}, ""},
		{"[2001:db8::1]:80", []string{"x.y"}, ""},
	} {
		if got := token.CookieDomain(tt.host, tt.list); got != tt.want {
			t.Errorf("%s of %v: %q, want %q", tt.host, tt.list, got, tt.want)
		}
	}
}

func FuzzToken(f *testing.F) {
	s := issuer(f)
	f.Add(earn(f, s))
	f.Add("")
	good := earn(f, s)
	v := visitor()
	f.Fuzz(func(t *testing.T, text string) {
		r := s.Keys.Verify(token.Query{Token: text, Host: v.Host, Client: v.Client, Now: v.Now, Immunity: time.Hour})
		if r.Reason == token.OK && len(text) != len(good) {
			t.Errorf("%q is taken", text)
		}
		if _, err := s.Redeem(token.Answer{Seed: text, Response: text}, v); err == nil {
			t.Errorf("%q is redeemed", text)
		}
	})
}
