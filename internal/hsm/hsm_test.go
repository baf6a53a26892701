package hsm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/internal/hsm/hsmtest"
)

// pids notes which helpers were started.
type pids struct {
	slog.Handler
	mu   sync.Mutex
	list []int
}

func newPIDs() *pids { return &pids{Handler: slog.DiscardHandler} }

func (p *pids) Enabled(context.Context, slog.Level) bool { return true }

func (p *pids) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "pkcs11 helper started" {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.list = append(p.list, int(a.Value.Int64()))
		return true
	})
	return nil
}

func (p *pids) all() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]int(nil), p.list...)
}

func config(k *hsmtest.Token) hsm.Config {
	return hsm.Config{Helper: k.Helper, Module: k.Module, Token: k.Label, Env: k.Env}
}

func connect(t *testing.T, cfg hsm.Config) *hsm.Token {
	t.Helper()
	tok, err := hsm.Connect(t.Context(), cfg, []byte(hsmtest.PIN))
	if err != nil {
		t.Fatalf("Connect = %v", err)
	}
	t.Cleanup(func() { tok.Close() })
	return tok
}

func generate(t *testing.T, tok *hsm.Token, id string) {
	t.Helper()
	if err := tok.Generate(t.Context(), "a key", []byte(id)); err != nil {
		t.Fatalf("Generate(%s) = %v", id, err)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	tok := connect(t, config(hsmtest.New(t)))
	generate(t, tok, "one")
	for _, tt := range []struct{ plain, aad int }{{0, 0}, {1, 0}, {0, 1}, {32, 40}, {4096, 8192}, {hsm.MaxPlaintext, hsm.MaxAAD}} {
		plain, aad := bytes.Repeat([]byte("p"), tt.plain), bytes.Repeat([]byte("a"), tt.aad)
		sealed, err := tok.Encrypt(t.Context(), []byte("one"), plain, aad)
		if err != nil {
			t.Fatalf("Encrypt(%d, %d) = %v", tt.plain, tt.aad, err)
		}
		if got, want := len(sealed), tt.plain+hsm.Overhead; got != want {
			t.Errorf("Encrypt(%d, %d) is %d bytes, want %d", tt.plain, tt.aad, got, want)
		}
		got, err := tok.Decrypt(t.Context(), []byte("one"), sealed, aad)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("Decrypt(%d, %d) = %d bytes, %v", tt.plain, tt.aad, len(got), err)
		}
	}
}

// TestFreshIV seals one text many times.
func TestFreshIV(t *testing.T) {
	t.Parallel()
	tok := connect(t, config(hsmtest.New(t)))
	generate(t, tok, "one")
	seen := map[string]bool{}
	for range 200 {
		sealed, err := tok.Encrypt(t.Context(), []byte("one"), []byte("same"), nil)
		if err != nil {
			t.Fatal(err)
		}
		iv := string(sealed[:12])
		if seen[iv] {
			t.Fatalf("the IV %x came twice", iv)
		}
		seen[iv] = true
	}
}

func TestDecryptRefuses(t *testing.T) {
	t.Parallel()
	tok := connect(t, config(hsmtest.New(t)))
	generate(t, tok, "one")
	generate(t, tok, "two")
	sealed, err := tok.Encrypt(t.Context(), []byte("one"), []byte("attack at dawn"), []byte("context"))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		return b
	}
	for _, tt := range []struct {
		name, id string
		sealed   []byte
		aad      string
		want     error
	}{
		{"another IV", "one", flip(0), "context", hsm.ErrInvalidCiphertext},
		{"another text", "one", flip(12), "context", hsm.ErrInvalidCiphertext},
		{"another tag", "one", flip(len(sealed) - 1), "context", hsm.ErrInvalidCiphertext},
		{"cut short", "one", sealed[:len(sealed)-1], "context", hsm.ErrInvalidCiphertext},
		{"no text", "one", sealed[:27], "context", hsm.ErrInvalidCiphertext},
		{"nothing", "one", nil, "context", hsm.ErrInvalidCiphertext},
		{"too long", "one", make([]byte, hsm.MaxPlaintext+hsm.Overhead+1), "context", hsm.ErrInvalidCiphertext},
		{"another context", "one", sealed, "other", hsm.ErrInvalidCiphertext},
		{"another key", "two", sealed, "context", hsm.ErrInvalidCiphertext},
		{"no key", "three", sealed, "context", hsm.ErrNoKey},
		{"as it was", "one", sealed, "context", nil},
	} {
		if _, err := tok.Decrypt(t.Context(), []byte(tt.id), tt.sealed, []byte(tt.aad)); !errors.Is(err, tt.want) {
			t.Errorf("%s: Decrypt = %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	k := hsmtest.New(t)
	tok, other := connect(t, config(k)), connect(t, config(k))
	id := []byte("one")
	generate(t, tok, "one")
	if err := tok.Generate(t.Context(), "again", id); !errors.Is(err, hsm.ErrExists) {
		t.Errorf("second Generate = %v, want %v", err, hsm.ErrExists)
	}
	if err := other.Generate(t.Context(), "again", id); !errors.Is(err, hsm.ErrExists) {
		t.Errorf("another's Generate = %v, want %v", err, hsm.ErrExists)
	}
	generate(t, other, "two")
	if n, err := tok.Keys(t.Context()); n != 2 || err != nil {
		t.Errorf("Keys = %d, %v, want 2", n, err)
	}
	sealed, err := tok.Encrypt(t.Context(), id, []byte("text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	// The first remembers the key's handle when the second destroys the key.
	if err := other.Delete(t.Context(), id); err != nil {
		t.Fatalf("Delete = %v", err)
	}
	if _, err := tok.Decrypt(t.Context(), id, sealed, nil); !errors.Is(err, hsm.ErrNoKey) {
		t.Errorf("Decrypt after Delete = %v, want %v", err, hsm.ErrNoKey)
	}
	if _, err := tok.Encrypt(t.Context(), id, []byte("text"), nil); !errors.Is(err, hsm.ErrNoKey) {
		t.Errorf("Encrypt after Delete = %v, want %v", err, hsm.ErrNoKey)
	}
	if err := tok.Delete(t.Context(), id); !errors.Is(err, hsm.ErrNoKey) {
		t.Errorf("second Delete = %v, want %v", err, hsm.ErrNoKey)
	}
	for id, want := range map[string]bool{"one": false, "two": true} {
		if got, err := tok.Exists(t.Context(), []byte(id)); got != want || err != nil {
			t.Errorf("Exists(%s) = %v, %v, want %v", id, got, err, want)
		}
	}
	// A new key of an old id is another key.
	generate(t, tok, "one")
	if _, err := tok.Decrypt(t.Context(), id, sealed, nil); !errors.Is(err, hsm.ErrInvalidCiphertext) {
		t.Errorf("Decrypt under a new key = %v, want %v", err, hsm.ErrInvalidCiphertext)
	}
}

// TestGenerateRace asks for one id many times at once.
func TestGenerateRace(t *testing.T) {
	t.Parallel()
	tok := connect(t, config(hsmtest.New(t)))
	var wg sync.WaitGroup
	made := make(chan error, 16)
	for range cap(made) {
		wg.Go(func() { made <- tok.Generate(t.Context(), "a key", []byte("one")) })
	}
	wg.Wait()
	close(made)
	good := 0
	for err := range made {
		if err == nil {
			good++
		} else if !errors.Is(err, hsm.ErrExists) {
			t.Errorf("Generate = %v, want nil or %v", err, hsm.ErrExists)
		}
	}
	if n, err := tok.Keys(t.Context()); good != 1 || n != 1 || err != nil {
		t.Errorf("%d made, %d keys, %v; want one", good, n, err)
	}
}

func TestRandom(t *testing.T) {
	t.Parallel()
	tok := connect(t, config(hsmtest.New(t)))
	for _, n := range []int{0, 1, 32, hsm.MaxRandom} {
		a, err := tok.Random(t.Context(), n)
		if err != nil || len(a) != n {
			t.Errorf("Random(%d) = %d bytes, %v", n, len(a), err)
		}
		if b, err := tok.Random(t.Context(), n); n >= 32 && bytes.Equal(a, b) {
			t.Errorf("Random(%d) twice the same (%v)", n, err)
		}
	}
	for _, n := range []int{-1, hsm.MaxRandom + 1} {
		if _, err := tok.Random(t.Context(), n); !errors.Is(err, hsm.ErrTooLarge) {
			t.Errorf("Random(%d) = %v, want %v", n, err, hsm.ErrTooLarge)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	tok := connect(t, config(hsmtest.New(t)))
	generate(t, tok, "one")
	id := []byte("one")
	for name, call := range map[string]func() error{
		"plaintext": func() error {
			_, err := tok.Encrypt(t.Context(), id, make([]byte, hsm.MaxPlaintext+1), nil)
			return err
		},
		"aad":      func() error { _, err := tok.Encrypt(t.Context(), id, nil, make([]byte, hsm.MaxAAD+1)); return err },
		"empty id": func() error { _, err := tok.Exists(t.Context(), nil); return err },
		"long id":  func() error { return tok.Generate(t.Context(), "", make([]byte, 256)) },
		"label":    func() error { return tok.Generate(t.Context(), strings.Repeat("l", 256), []byte("two")) },
	} {
		if err := call(); !errors.Is(err, hsm.ErrTooLarge) {
			t.Errorf("%s: %v, want %v", name, err, hsm.ErrTooLarge)
		}
	}
	if err := tok.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy afterwards = %v", err)
	}
}

func TestConnectRefuses(t *testing.T) {
	t.Parallel()
	k := hsmtest.New(t)
	locked := hsmtest.New(t)
	locked.LockPIN(t)
	twice := hsmtest.New(t)
	twice.Add(t, twice.Label)
	notALibrary := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(notALibrary, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(k *hsmtest.Token, change func(*hsm.Config)) hsm.Config {
		cfg := config(k)
		change(&cfg)
		return cfg
	}
	same := func(*hsm.Config) {}
	for _, tt := range []struct {
		name string
		cfg  hsm.Config
		pin  string
		want error
	}{
		{"wrong PIN", with(k, same), "4711", hsm.ErrPIN},
		{"short PIN", with(k, same), "1", hsm.ErrPIN},
		{"no PIN", with(k, same), "", hsm.ErrPIN},
		{"long PIN", with(k, same), strings.Repeat("1", 1025), hsm.ErrPIN},
		{"locked PIN", with(locked, same), hsmtest.PIN, hsm.ErrPINLocked},
		{"unknown token", with(k, func(c *hsm.Config) { c.Token = "other" }), hsmtest.PIN, hsm.ErrNoToken},
		{"two tokens", with(twice, same), hsmtest.PIN, hsm.ErrNoToken},
		{"unknown module", with(k, func(c *hsm.Config) { c.Module = "/nowhere/lib.so" }), hsmtest.PIN, hsm.ErrNoModule},
		{"no library", with(k, func(c *hsm.Config) { c.Module = notALibrary }), hsmtest.PIN, hsm.ErrNoModule},
		{"relative module", with(k, func(c *hsm.Config) { c.Module = "lib.so" }), hsmtest.PIN, hsm.ErrNoModule},
		{"unknown helper", with(k, func(c *hsm.Config) { c.Helper = "/nowhere/helper" }), hsmtest.PIN, hsm.ErrNoHelper},
		{"another helper", with(k, func(c *hsm.Config) { c.Helper = "/bin/true" }), hsmtest.PIN, hsm.ErrNoHelper},
		{"a helper that echoes", with(k, func(c *hsm.Config) { c.Helper = "/usr/bin/yes" }), hsmtest.PIN, hsm.ErrNoHelper},
	} {
		tok, err := hsm.Connect(t.Context(), tt.cfg, []byte(tt.pin))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: Connect = %v, want %v", tt.name, err, tt.want)
		}
		if err == nil {
			tok.Close()
		} else if tt.pin != "" && len(tt.pin) > 1 && strings.Contains(err.Error(), tt.pin) {
			t.Errorf("%s: the error holds the PIN", tt.name)
		}
	}
}

// TestEnded calls a token that was closed, and one with a context that ended.
func TestEnded(t *testing.T) {
	t.Parallel()
	tok := connect(t, config(hsmtest.New(t)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tok.Healthy(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Healthy with an ended context = %v, want %v", err, context.Canceled)
	}
	for range 2 {
		if err := tok.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if err := tok.Healthy(t.Context()); !errors.Is(err, hsm.ErrGone) {
		t.Errorf("Healthy after Close = %v, want %v", err, hsm.ErrGone)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if tok, err := hsm.Connect(ctx, config(hsmtest.New(t)), []byte(hsmtest.PIN)); err == nil {
		tok.Close()
		t.Error("Connect with an ended context went well")
	}
}

func ExampleConnect() {
	ctx := context.Background()
	tok, err := hsm.Connect(ctx, hsm.Config{Module: "/nowhere/lib.so", Token: "kms", Helper: "/nowhere/garrison-pkcs11"}, []byte("1234"))
	if err != nil {
		fmt.Println(errors.Is(err, hsm.ErrNoHelper))
		return
	}
	defer tok.Close()
	// Output: true
}
