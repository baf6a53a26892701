package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
	"github.com/garrison-cloud/garrison/internal/hsm/hsmtest"
)

// opened opens a new SoftHSM token in this process. A PKCS#11 library is one for
// the whole process, and finds its tokens by the environment: such tests do not
// run side by side.
func opened(t testing.TB) *token {
	t.Helper()
	k := hsmtest.New(t)
	for _, e := range k.Env {
		name, value, _ := strings.Cut(e, "=")
		t.(interface{ Setenv(name, value string) }).Setenv(name, value)
	}
	tok, err := open(place{k.Module, k.Label}, []byte(hsmtest.PIN))
	if err != nil {
		t.Fatalf("open = %v", err)
	}
	t.Cleanup(tok.close)
	return tok
}

// TestKeyStaysInside makes a key and asks the token for it in every way that PKCS#11 has.
func TestKeyStaysInside(t *testing.T) {
	tok := opened(t)
	s := tok.sessions[0]
	id := []byte("one")
	if err := tok.generate(s, "a key", id); err != nil {
		t.Fatal(err)
	}
	key, err := tok.search(s, id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tok.ctx.GetAttributeValue(s, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	if code, ok := errors.AsType[pkcs11.Error](err); !ok || code != pkcs11.CKR_ATTRIBUTE_SENSITIVE {
		t.Errorf("CKA_VALUE: %v, want CKR_ATTRIBUTE_SENSITIVE", err)
	}
	for name, change := range map[string]*pkcs11.Attribute{
		"extractable":   pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
		"not sensitive": pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
	} {
		if err := tok.ctx.SetAttributeValue(s, key, []*pkcs11.Attribute{change}); err == nil {
			t.Errorf("the token makes the key %s", name)
		}
	}
	wrapping := rawKey(t, tok, "wrapping", pkcs11.NewAttribute(pkcs11.CKA_WRAP, true))
	if b, err := tok.ctx.WrapKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP, nil)}, wrapping, key); err == nil {
		t.Errorf("the token wraps the key: %d bytes", len(b))
	}
	if b, err := tok.ctx.WrapKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP, nil)}, key, wrapping); err == nil {
		t.Errorf("the key wraps another: %d bytes", len(b))
	}
	copied, err := tok.ctx.CopyObject(s, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true)})
	if err == nil {
		t.Errorf("the token copies the key to an extractable one, %d", copied)
	}
	want := map[uint]byte{
		pkcs11.CKA_ENCRYPT: 1, pkcs11.CKA_DECRYPT: 1, pkcs11.CKA_WRAP: 0, pkcs11.CKA_UNWRAP: 0, pkcs11.CKA_SIGN: 0,
		pkcs11.CKA_VERIFY: 0, pkcs11.CKA_DERIVE: 0, pkcs11.CKA_PRIVATE: 1, pkcs11.CKA_TOKEN: 1, pkcs11.CKA_LOCAL: 1,
	}
	for attribute, want := range want {
		got, err := tok.ctx.GetAttributeValue(s, key, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)})
		if err != nil || !bytes.Equal(got[0].Value, []byte{want}) {
			t.Errorf("attribute %#x = %v, %v, want %d", attribute, got, err, want)
		}
	}
}

// rawKey makes an AES key as another program may.
func rawKey(t *testing.T, tok *token, id string, more ...*pkcs11.Attribute) pkcs11.ObjectHandle {
	t.Helper()
	template := append(keysOf([]byte(id)), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, keySize))
	h, err := tok.ctx.GenerateKey(tok.sessions[0], []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, append(template, more...))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestUnfitKeys asks for keys that another program made.
func TestUnfitKeys(t *testing.T) {
	tok := opened(t)
	rawKey(t, tok, "extractable", pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true))
	rawKey(t, tok, "readable", pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false))
	rawKey(t, tok, "twice")
	rawKey(t, tok, "twice")
	for _, tt := range []struct {
		id   string
		op   frame.Op
		want frame.Status
	}{
		{"extractable", frame.Encrypt, frame.Unfit},
		{"extractable", frame.Generate, frame.KeyExists},
		{"extractable", frame.Exists, frame.OK},
		{"readable", frame.Encrypt, frame.Unfit},
		{"readable", frame.Decrypt, frame.Unfit},
		{"twice", frame.Encrypt, frame.Unfit},
		{"twice", frame.Delete, frame.Unfit},
		{"none", frame.Decrypt, frame.NoKey},
	} {
		_, err := tok.do(tok.sessions[0], frame.Request{Op: tt.op, ID: []byte(tt.id), Data: make([]byte, 32)})
		if got := classify(err).status; got != tt.want {
			t.Errorf("operation %d on %s: %v, want status %d", tt.op, tt.id, err, tt.want)
		}
	}
}

// TestLoggedOut ends the login behind the server's back.
func TestLoggedOut(t *testing.T) {
	tok := opened(t)
	s := tok.sessions[0]
	if err := tok.healthy(s); err != nil {
		t.Fatalf("healthy = %v", err)
	}
	if err := tok.ctx.Logout(s); err != nil {
		t.Fatal(err)
	}
	if got := classify(tok.healthy(s)).status; got != frame.Gone {
		t.Errorf("healthy after a logout: status %d, want %d", got, frame.Gone)
	}
}

func TestManyKeys(t *testing.T) {
	tok := opened(t)
	for i := range batch + 1 {
		rawKey(t, tok, string(rune('a'+i)))
	}
	if n, err := tok.count(tok.sessions[0], nil); n != batch+1 || err != nil {
		t.Errorf("count = %d, %v, want %d", n, err, batch+1)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for code, want := range map[uint]frame.Status{
		pkcs11.CKR_PIN_INCORRECT:        frame.WrongPIN,
		pkcs11.CKR_PIN_LOCKED:           frame.LockedPIN,
		pkcs11.CKR_DEVICE_REMOVED:       frame.Gone,
		pkcs11.CKR_USER_NOT_LOGGED_IN:   frame.Gone,
		pkcs11.CKR_SESSION_CLOSED:       frame.Gone,
		pkcs11.CKR_MECHANISM_INVALID:    frame.Failed,
		pkcs11.CKR_ATTRIBUTE_READ_ONLY:  frame.Failed,
		pkcs11.CKR_TOKEN_NOT_PRESENT:    frame.Gone,
		pkcs11.CKR_SESSION_READ_ONLY:    frame.Failed,
		pkcs11.CKR_PIN_LEN_RANGE:        frame.WrongPIN,
		pkcs11.CKR_GENERAL_ERROR:        frame.Failed,
		pkcs11.CKR_TOKEN_NOT_RECOGNIZED: frame.Gone,
	} {
		if got := classify(errors.Join(errors.New("step"), pkcs11.Error(code))).status; got != want {
			t.Errorf("classify(%v) = %d, want %d", pkcs11.Error(code), got, want)
		}
	}
}

// FuzzHandle sends whatever is a request to a real token. Each has an answer of
// its number, and the token lives on.
func FuzzHandle(f *testing.F) {
	tok := opened(f)
	codec, err := frame.New()
	if err != nil {
		f.Fatal(err)
	}
	if err := tok.generate(tok.sessions[0], "a key", []byte("one")); err != nil {
		f.Fatal(err)
	}
	for op := frame.Login; op <= frame.Healthy; op++ {
		var b bytes.Buffer
		r := frame.Request{Seq: 9, Op: op, Number: 16}
		if op != frame.Keys && op != frame.Random && op != frame.Healthy {
			r.ID, r.Label, r.Data, r.AAD = []byte("one"), "label", make([]byte, 40), []byte("context")
		}
		if op == frame.Delete {
			r.ID = []byte("two")
		}
		if err := codec.WriteRequest(&b, &r); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := codec.ReadRequest(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		s := &server{codec: codec, out: &out}
		if err := s.handle(tok, tok.sessions[0], r); err != nil {
			t.Fatalf("handle = %v", err)
		}
		res, err := codec.ReadResponse(&out)
		if err != nil || res.Seq != r.Seq || out.Len() != 0 {
			t.Errorf("answer = %+v, %v, then %d bytes", res, err, out.Len())
		}
	})
}

// FuzzServe sends whatever comes as a whole stream, to a module that is not there.
func FuzzServe(f *testing.F) {
	codec, err := frame.New()
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range []frame.Request{
		{Seq: 1, Op: frame.Login, Data: []byte("1234"), Number: frame.Version},
		{Seq: 1, Op: frame.Login, Data: []byte("1234"), Number: 2},
		{Seq: 1, Op: frame.Healthy},
	} {
		var b bytes.Buffer
		if err := codec.WriteRequest(&b, &r); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		s := &server{codec: codec, out: &out, ending: func() {}}
		err := s.serve(bytes.NewReader(b), place{"/nowhere/lib.so", "none"})
		if err != nil && out.Len() == 0 {
			return
		}
		if res, err := codec.ReadResponse(&out); err != nil || res.Status == frame.OK {
			t.Errorf("answer = %+v, %v, want a refusal", res, err)
		}
	})
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil,
		{"-module", "/lib.so"},
		{"-token", "t"},
		{"-module", "lib.so", "-token", "t"},
		{"-module", "/lib.so", "-token", "t", "more"},
		{"-module", "/lib.so", "-token", "t", "-pin", "1234"},
	} {
		if p, err := parse(args); err == nil {
			t.Errorf("parse(%q) = %v, want an error", args, p)
		}
	}
	want := place{"/lib.so", "t"}
	if got, err := parse([]string{"-module", "/lib.so", "-token", "t"}); got != want || err != nil {
		t.Errorf("parse = %v, %v, want %v", got, err, want)
	}
}
