package xks_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/xks"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

// wire is a network on which every request meets one answer.
type wire struct {
	status int
	body   string
}

func (w wire) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: w.status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(w.body)),
	}, nil
}

// FuzzAnswer answers all calls with one body. Each is taken within its bounds, or
// refused for a reason that the caller can tell.
func FuzzAnswer(f *testing.F) {
	f.Add(200, encryptAnswer)
	f.Add(200, `{"plaintext":"cA=="}`)
	f.Add(200, `{"keySpec":"AES_256","keyUsage":["ENCRYPT","DECRYPT"],"keyStatus":"ENABLED"}`)
	f.Add(200, `{"xksProxyFleetSize":1,"xksProxyVendor":"v","xksProxyModel":"m","ekmVendor":"e","ekmFleetDetails":[{"id":"i","model":"m","healthStatus":"ACTIVE"}]}`)
	f.Add(400, `{"errorName":"InvalidCiphertextException","errorMessage":"m"}`)
	f.Add(307, `{"errorName":"InvalidCiphertextException"}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		c, err := xks.New(xks.Config{
			Endpoint: "https://example.com", AccessKeyID: xksproxy.AccessKeyID, SecretKey: []byte(xksproxy.SecretKey),
			Region: "us-east-1", Client: &http.Client{Transport: wire{status, body}},
		})
		if err != nil {
			t.Fatal(err)
		}
		each(t.Context(), c, func(op string, err error) {
			if err != nil && errorName(err) == "" && !errors.Is(err, xks.ErrInvalidResponse) {
				t.Errorf("%s: error = %v", op, err)
			}
			if err == nil && status != http.StatusOK {
				t.Errorf("%s: status %d is taken", op, status)
			}
		})
		s, err := c.Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: []byte(specPlaintext), AAD: []byte(specAAD)}, alice)
		if err != nil {
			return
		}
		if b, err := s.MarshalBinary(); err != nil || len(s.Ciphertext) != len(specPlaintext) {
			t.Errorf("an answer that is taken can't be kept: %x, %v", b, err)
		}
	})
}

// FuzzUnmarshalSealed holds that what is decoded is what was encoded.
func FuzzUnmarshalSealed(f *testing.F) {
	good := sealed()
	b, err := good.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := xks.UnmarshalSealed(b)
		if err != nil {
			if !errors.Is(err, xks.ErrInvalidSealed) || s != nil {
				t.Errorf("UnmarshalSealed = %+v, %v", s, err)
			}
			return
		}
		if again, err := s.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("encoded again: %x, %v; want %x", again, err, b)
		}
	})
}
