package runtime_test

import (
	"testing"

	"github.com/garrison-cloud/garrison/internal/runtime"
)

// BenchmarkInvoke measures a warm Python function.
func BenchmarkInvoke(b *testing.B) {
	r := newRig(b, 2)
	f := r.python(b, "def handler(e, c): return e")
	for b.Loop() {
		if _, err := r.Invoke(b.Context(), f, &runtime.Invocation{RequestID: "r", Payload: []byte("{}")}); err != nil {
			b.Fatal(err)
		}
	}
}
