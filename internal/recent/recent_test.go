package recent_test

import (
	"sync"
	"testing"

	"github.com/garrison-cloud/garrison/internal/recent"
)

func TestUsedValuesStay(t *testing.T) {
	t.Parallel()
	m := recent.New[int, string](8)
	m.Put(0, "kept")
	for i := 1; i <= 100; i++ {
		m.Put(i, "passing")
		if v, ok := m.Get(0); !ok || v != "kept" {
			t.Fatalf("after %d others: %q, %v; want the value in use", i, v, ok)
		}
	}
	held := 0
	for i := range 101 {
		if _, ok := m.Get(i); ok {
			held++
		}
	}
	if held > 8 {
		t.Errorf("%d values held, want at most 8", held)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	m := recent.New[int, string](2)
	m.Put(1, "one")
	m.Put(2, "two") // 1 is of the old generation now
	var last []string
	m.Forget(1, func(v string) { last = append(last, v) })
	if _, ok := m.Get(1); ok || len(last) != 1 || last[0] != "one" {
		t.Errorf("after Forget: held %v, last %v", ok, last)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	m := recent.New[int, int](16)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 1000 {
				m.Put(i%32, i%32)
				if v, ok := m.Get((i + w) % 32); ok && v != (i+w)%32 {
					t.Errorf("value = %d, want %d", v, (i+w)%32)
				}
			}
		})
	}
	wg.Wait()
}
