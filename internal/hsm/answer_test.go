package hsm_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/internal/hsm/frame"
	"github.com/garrison-cloud/garrison/internal/hsm/hsmtest"
)

// TestStrangeAnswers connects to programs that answer as the helper must not.
func TestStrangeAnswers(t *testing.T) {
	t.Parallel()
	ok := frame.Response{Seq: 1, Status: frame.OK}
	for name, tt := range map[string]struct {
		answers []byte
		connect error // of Connect
		call    error // of the first call, where Connect goes well
	}{
		"another version":         {answers(t, frame.Response{Seq: 1, Status: frame.BadVersion, Number: 2}), hsm.ErrNoHelper, nil},
		"an answer to nobody":     {answers(t, frame.Response{Seq: 99, Status: frame.OK}), hsm.ErrNoHelper, nil},
		"no status":               {answers(t, frame.Response{Seq: 1}), hsm.ErrNoHelper, nil},
		"half a frame":            {answers(t, ok)[:6], hsm.ErrNoHelper, nil},
		"a text":                  {[]byte("Usage: garrison-pkcs11\n"), hsm.ErrNoHelper, nil},
		"then the end":            {answers(t, ok), nil, hsm.ErrGone},
		"twice, then a text":      {append(answers(t, ok, ok), "error: no such slot"...), nil, hsm.ErrGone},
		"the token is gone":       {answers(t, ok, frame.Response{Seq: 2, Status: frame.Gone}), nil, hsm.ErrGone},
		"an answer ahead of time": {answers(t, frame.Response{Seq: 2, Status: frame.OK}, ok), nil, hsm.ErrGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := hsm.Config{Helper: script(t, tt.answers), Module: "/nowhere/lib.so", Token: "none", Timeout: 20 * time.Second}
			tok, err := hsm.Connect(t.Context(), cfg, []byte("1234"))
			if !errors.Is(err, tt.connect) {
				t.Fatalf("Connect = %v, want %v", err, tt.connect)
			}
			if err != nil {
				return
			}
			defer tok.Close()
			if err := tok.Healthy(t.Context()); !errors.Is(err, tt.call) {
				t.Errorf("Healthy = %v, want %v", err, tt.call)
			}
		})
	}
}

func answers(t *testing.T, list ...frame.Response) []byte {
	t.Helper()
	codec, err := frame.New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, r := range list {
		if err := codec.WriteResponse(&b, &r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// script makes a program that waits for a request, answers b and ends.
func script(t *testing.T, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	text := "#!/bin/sh\nhead -c 8 >/dev/null\ncat " + filepath.Join(dir, "answers") + "\n"
	for name, content := range map[string]string{path: text, filepath.Join(dir, "answers"): string(b)} {
		if err := os.WriteFile(name, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// BenchmarkEncrypt measures 32 bytes and a context of 40 under 16 callers.
func BenchmarkEncrypt(b *testing.B) {
	k := hsmtest.New(b)
	tok, err := hsm.Connect(context.Background(), config(k), []byte(hsmtest.PIN))
	if err != nil {
		b.Fatal(err)
	}
	defer tok.Close()
	id := []byte("one")
	if err := tok.Generate(b.Context(), "a key", id); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := tok.Encrypt(b.Context(), id, make([]byte, 32), make([]byte, 40)); err != nil {
				b.Error(err)
			}
		}
	})
}
