package xks_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/xks"
)

// TestSealedForm pins the stored form: blobs of today must open tomorrow.
func TestSealedForm(t *testing.T) {
	t.Parallel()
	s := xks.Sealed{
		Ciphertext: []byte("cipher"), IV: []byte("twelve bytes"), Tag: []byte("sixteen byte tag"), Metadata: []byte("m1"),
	}
	const want = "01" + "0c" + "02" + "7477656c7665206279746573" + "7369787465656e206279746520746167" + "6d31" + "636970686572"
	b, err := s.MarshalBinary()
	if got := hex.EncodeToString(b); err != nil || got != want {
		t.Errorf("MarshalBinary = %s, %v; want %s", got, err, want)
	}
	got, err := xks.UnmarshalSealed(b)
	if err != nil || !reflect.DeepEqual(*got, s) {
		t.Errorf("UnmarshalSealed = %+v, %v; want %+v", got, err, s)
	}
}

func TestSealedRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bytesOf := func(name string, least, most int) []byte {
			return rapid.SliceOfN(rapid.Byte(), least, most).Draw(t, name)
		}
		iv := rapid.SampledFrom([]int{12, 16}).Draw(t, "size of IV")
		s := xks.Sealed{
			Ciphertext: bytesOf("ciphertext", 1, xks.MaxPlaintext), IV: bytesOf("IV", iv, iv),
			Tag: bytesOf("tag", 16, 16), Metadata: bytesOf("metadata", 0, 20),
		}
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		got, err := xks.UnmarshalSealed(b)
		if err != nil || !bytes.Equal(got.Ciphertext, s.Ciphertext) || !bytes.Equal(got.IV, s.IV) ||
			!bytes.Equal(got.Tag, s.Tag) || !bytes.Equal(got.Metadata, s.Metadata) {
			t.Errorf("UnmarshalSealed = %+v, %v; want %+v", got, err, s)
		}
		clear(b)
		if bytes.Equal(got.IV, make([]byte, iv)) && !bytes.Equal(s.IV, got.IV) {
			t.Error("the decoded value keeps the encoded bytes")
		}
	})
}

func TestSealedBounds(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*xks.Sealed){
		"no ciphertext":   func(s *xks.Sealed) { s.Ciphertext = nil },
		"long ciphertext": func(s *xks.Sealed) { s.Ciphertext = make([]byte, xks.MaxPlaintext+1) },
		"IV of 13":        func(s *xks.Sealed) { s.IV = make([]byte, 13) },
		"no tag":          func(s *xks.Sealed) { s.Tag = nil },
		"long metadata":   func(s *xks.Sealed) { s.Metadata = make([]byte, 21) },
	} {
		s := sealed()
		change(&s)
		if b, err := s.MarshalBinary(); !errors.Is(err, xks.ErrInvalidSealed) || b != nil {
			t.Errorf("%s: MarshalBinary = %x, %v; want %v", name, b, err, xks.ErrInvalidSealed)
		}
	}
	good := sealed()
	whole, err := good.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if s, err := xks.UnmarshalSealed(whole[:n]); !errors.Is(err, xks.ErrInvalidSealed) {
			t.Errorf("UnmarshalSealed of %d bytes = %+v, %v; want %v", n, s, err, xks.ErrInvalidSealed)
		}
	}
	if s, err := xks.UnmarshalSealed(append(whole, make([]byte, xks.MaxPlaintext)...)); !errors.Is(err, xks.ErrInvalidSealed) {
		t.Errorf("UnmarshalSealed of too much = %+v, %v; want %v", s, err, xks.ErrInvalidSealed)
	}
	whole[0] = 2
	if s, err := xks.UnmarshalSealed(whole); !errors.Is(err, xks.ErrInvalidSealed) {
		t.Errorf("UnmarshalSealed of another version = %+v, %v; want %v", s, err, xks.ErrInvalidSealed)
	}
}
