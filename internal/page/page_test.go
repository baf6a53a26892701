package page_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/page"
)

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		after := rapid.SliceOfN(rapid.Byte(), 0, 2048).Draw(t, "after")
		got, err := page.Position("kms.ListKeys", page.Token("kms.ListKeys", after))
		if err != nil || string(got) != string(after) {
			t.Fatalf("position = %x, %v; want %x", got, err, after)
		}
	})
}

func TestPositionRefusesForeignTokens(t *testing.T) {
	t.Parallel()
	good := page.Token("kms.ListKeys", []byte("after"))
	for name, token := range map[string]string{
		"empty":        "",
		"not base64":   "!!!",
		"other list":   page.Token("kms.ListAliases", []byte("after")),
		"cut":          good[:len(good)-2],
		"changed byte": "A" + good[1:],
	} {
		if token == good {
			t.Fatalf("%s: the token was not changed", name)
		}
		if _, err := page.Position("kms.ListKeys", token); !errors.Is(err, page.ErrInvalid) {
			t.Errorf("%s: error = %v, want %v", name, err, page.ErrInvalid)
		}
	}
}
