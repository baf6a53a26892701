package ssm

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func sealed(t interface{ Fatal(...any) }, key, plaintext []byte) []byte {
	m := &message{context: encryptionContext("arn:aws:ssm:us-east-1:111122223333:parameter/a"), keys: []sealedKey{{kmsProvider, "key", []byte("wrapped")}}}
	out, err := m.seal(key, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func opened(key, b []byte) ([]byte, error) {
	m, err := parseMessage(b)
	if err != nil {
		return nil, err
	}
	return m.open(key)
}

func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), keySize, keySize).Draw(t, "key")
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, maxAdvancedValue).Draw(t, "plaintext")
		b := sealed(t, key, plaintext)
		got, err := opened(key, b)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("opened %x, %v; want %x", got, err, plaintext)
		}
		if bytes.Equal(b, sealed(t, key, plaintext)) {
			t.Fatal("two messages of one plaintext are the same")
		}
	})
}

// TestMessageRefusesChanges changes each byte in turn, and the length.
func TestMessageRefusesChanges(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{7}, keySize)
	b := sealed(t, key, []byte("hunter2"))
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, err := opened(key, bad); !errors.Is(err, errMessage) {
			t.Errorf("byte %d changed: error = %v, want %v", i, err, errMessage)
		}
		if _, err := opened(key, b[:i]); !errors.Is(err, errMessage) {
			t.Errorf("cut to %d bytes: error = %v, want %v", i, err, errMessage)
		}
	}
	if _, err := opened(key, append(bytes.Clone(b), 0)); !errors.Is(err, errMessage) {
		t.Errorf("a byte more: error = %v, want %v", err, errMessage)
	}
	if _, err := opened(bytes.Repeat([]byte{8}, keySize), b); !errors.Is(err, errMessage) {
		t.Errorf("other key: error = %v, want %v", err, errMessage)
	}
	if _, err := opened(key[1:], b); !errors.Is(err, errMessage) {
		t.Errorf("short key: error = %v, want %v", err, errMessage)
	}
}

// TestMessageCommitment compares what a key of zeros commits to with the AWS
// Encryption SDK's published value.
func TestMessageCommitment(t *testing.T) {
	t.Parallel()
	k, err := (&message{id: make([]byte, idSize)}).derive(make([]byte, keySize))
	if err != nil {
		t.Fatal(err)
	}
	const want = "Qz2Df1nLfpvGM00VSv+DEQnGNy2Y+LWshYi/9++rplE="
	if got := base64.StdEncoding.EncodeToString(k.commitment); got != want {
		t.Errorf("commitment = %s, want %s", got, want)
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add(sealed(f, make([]byte, keySize), []byte("x")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		if len(m.keys) == 0 || len(m.id) != idSize || len(m.head)+len(m.sealed) != len(b) {
			t.Errorf("read %+v of %x", m, b)
		}
		if _, err := m.open(make([]byte, keySize-1)); err == nil {
			t.Error("opened with half a key")
		}
	})
}

func FuzzParseRules(f *testing.F) {
	f.Add(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-12-02T21:34:33.000Z"}}]`)
	f.Add(`[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}]`)
	f.Add(`[{}]`)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, document string) {
		rules, err := parseRules(document, now)
		if err != nil {
			return
		}
		if rules == nil || len(rules) > maxRules {
			t.Errorf("%d rules of %q", len(rules), document)
		}
		for _, r := range rules {
			if r.Due.IsZero() || r.Done || r.Type == noChange && !r.Due.After(now) {
				t.Errorf("rule %+v of %q", r, document)
			}
		}
	})
}

// FuzzRefer shows that what is accepted as a name leads to one path.
func FuzzRefer(f *testing.F) {
	for _, given := range []string{"a", "/a/b:3", "arn:aws:ssm:us-east-1:111122223333:parameter/a/b:label", "arn:aws:ssm:us-east-1::parameter/aws/service/x", " a ", ":", "/:"} {
		f.Add(given)
	}
	s := &Service{region: "us-east-1"}
	f.Fuzz(func(t *testing.T, given string) {
		r := s.refer("111122223333", given)
		if r.check() != nil {
			return
		}
		again := s.refer("111122223333", arnOf("us-east-1", r.account, r.path())+r.selector)
		if again.path() != r.path() || again.selector != r.selector || again.account != r.account {
			t.Errorf("%q is %+v, and by its ARN %+v", given, r, again)
		}
		if len(r.selector) == 1 {
			p := &parameter{Path: r.path(), Latest: version{Number: 1}, Oldest: 1}
			if _, err := r.number(p); err == nil {
				t.Errorf("%q selects a version", given)
			}
		}
	})
}
