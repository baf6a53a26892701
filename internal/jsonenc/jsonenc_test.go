package jsonenc_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/internal/jsonenc"
)

func TestObject(t *testing.T) {
	t.Parallel()
	var o jsonenc.Object
	o.String("a", "x\n\"y\"")
	o.Present("none", "")
	o.Bool("b", true)
	o.Bytes("c", nil)
	o.Raw("d", `{"e":1}`)
	got, want := string(o.Close()), `{"a":"x\n\"y\"","b":true,"c":null,"d":{"e":1}}`
	if got != want {
		t.Errorf("object = %s, want %s", got, want)
	}
	if got := string(new(jsonenc.Object).Close()); got != "{}" {
		t.Errorf("empty object = %s, want {}", got)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\x00\x1f\"\\/", "é\u2028𝄞", "\xff\xc0cut\xe2\x82"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(jsonenc.AppendString(nil, s), &got); err != nil {
			t.Fatalf("%q is not JSON: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && got != want {
			t.Errorf("round trip of %q = %q", s, got)
		}
	})
}
