package seal_test

import (
	"encoding/hex"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

func TestAppendContext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		context map[string]string
		want    string
	}{
		{"nil", nil, "00000000"},
		{"empty", map[string]string{}, "00000000"},
		{"sorted by bytes", map[string]string{"b": "", "B": "x", "": "é"}, "00000003" + "00000000" + "00000002c3a9" + "0000000142" + "0000000178" + "0000000162" + "00000000"},
	} {
		if got := hex.EncodeToString(seal.AppendContext(nil, tt.context)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestContextIsInjective draws from few short strings, where joining without
// lengths would collide.
func TestContextIsInjective(t *testing.T) {
	t.Parallel()
	word := rapid.StringOfN(rapid.SampledFrom([]rune{'a', 0, '='}), 0, 3, -1)
	pairs := rapid.MapOfN(word, word, 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		a, b := pairs.Draw(t, "a"), pairs.Draw(t, "b")
		same := string(seal.AppendContext(nil, a)) == string(seal.AppendContext(nil, b))
		if same != maps.Equal(a, b) {
			t.Fatalf("same form: %t, same context: %t", same, !same)
		}
	})
}
