package sigv4

import (
	"strconv"
	"sync"
	"testing"
)

func keyOf(t *testing.T, c *keyCache, secret string, i int) *scopeKey {
	t.Helper()
	s := &Signature{AccessKeyID: "AKID", Date: "20150830", Region: strconv.Itoa(i), Service: "kms"}
	n := nameOf(s, NewSecret(secret))
	if k := c.find(&n); k != nil {
		return k
	}
	k, err := derive(NewSecret(secret), s)
	if err != nil {
		t.Fatal(err)
	}
	c.keep(n, k)
	return k
}

// TestCacheIsBounded fills one shard, for one secret is in one shard, and keeps
// a key that is in use.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c keyCache
	first := keyOf(t, &c, "secret", 0)
	for i := range 4 * shardKeys {
		keyOf(t, &c, "secret", i)
		if keyOf(t, &c, "secret", 0) != first {
			t.Fatalf("a key in use was forgotten after %d others", i)
		}
	}
	total := 0
	for i := range c.shards {
		total += len(c.shards[i].keys)
	}
	if total > shardKeys || total < 2 {
		t.Errorf("%d keys are remembered, want some and at most %d", total, shardKeys)
	}
}

// TestCacheAllInUse makes room even where every key was used since.
func TestCacheAllInUse(t *testing.T) {
	t.Parallel()
	var c keyCache
	for i := range 2 * shardKeys {
		keyOf(t, &c, "secret", i)
		keyOf(t, &c, "secret", i)
	}
	for i := range c.shards {
		if n := len(c.shards[i].keys); n > shardKeys {
			t.Errorf("shard %d remembers %d keys, want at most %d", i, n, shardKeys)
		}
	}
}

func TestCacheKnowsTheSecret(t *testing.T) {
	t.Parallel()
	var c keyCache
	if keyOf(t, &c, "old", 1).secret == keyOf(t, &c, "new", 1).secret {
		t.Error("a replaced secret's key was found")
	}
}

// TestKeyIsShared uses one key from many goroutines, for the race detector.
func TestKeyIsShared(t *testing.T) {
	t.Parallel()
	var c keyCache
	want := keyOf(t, &c, "secret", 1).mac([]byte("x"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				keyOf(t, &c, "secret", i%8)
				if got := keyOf(t, &c, "secret", 1).mac([]byte("x")); got != want {
					t.Error("a shared key gave another MAC")
				}
			}
		})
	}
	wg.Wait()
}
