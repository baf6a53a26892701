package xks_test

import (
	"bytes"
	"strconv"
	"sync"
	"testing"

	"github.com/garrison-cloud/garrison/internal/xks"
)

// TestConcurrentCalls has many callers share a client, each with its own secret.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	c := open(t, config(start(t)))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			want, aad := []byte("plaintext "+strconv.Itoa(i)), []byte(strconv.Itoa(i))
			for range 5 {
				s, err := c.Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: want, AAD: aad}, alice)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := c.Decrypt(t.Context(), keyID, *s, aad, alice); err != nil || !bytes.Equal(got, want) {
					t.Errorf("Decrypt = %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}
