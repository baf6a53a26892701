package secretsmanager_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestParse holds every name's complete ARN to lead back to it, a name to stand for
// itself, and a partial ARN to be taken for a complete one only where it looks so.
func TestParse(t *testing.T) {
	t.Parallel()
	s, _, ctx := newDirect(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9/_+=.@-]{1,30}(-[A-Za-z0-9]{6})?`).Draw(t, "name")
		suffix := rapid.StringMatching(`[A-Za-z0-9]{6}`).Draw(t, "suffix")
		owner := rapid.SampledFrom([]string{account, other}).Draw(t, "owner")
		partial := arn.New("secretsmanager", region, owner, "secret:"+name)
		if a, n, x := s.Parse(ctx, partial+"-"+suffix); a != owner || n != name || x != suffix {
			t.Fatalf("complete ARN: %s %q %q, want %s %q %q", a, n, x, owner, name, suffix)
		}
		if a, n, x := s.Parse(ctx, name); a != account || n != name || x != "" {
			t.Fatalf("name: %s %q %q, want %s %q", a, n, x, account, name)
		}
		if _, n, x := s.Parse(ctx, partial); x == "" && n != name || x != "" && n+"-"+x != name {
			t.Fatalf("partial ARN: %q %q of %q", n, x, name)
		}
		if _, n, _ := s.Parse(ctx, arn.New("secretsmanager", garrisontest.OtherRegion, owner, "secret:"+name)); n != "" {
			t.Fatalf("another Region's ARN names %q", n)
		}
	})
}

// FuzzParse takes whatever a client sends for a SecretId.
func FuzzParse(f *testing.F) {
	for _, id := range []string{"", "arn:", "arn:aws:secretsmanager:us-east-1:111122223333:secret:-AbCdEf", "a-AbCdEf"} {
		f.Add(id)
	}
	s, _, ctx := newDirect(f)
	f.Fuzz(func(t *testing.T, id string) {
		if a, _, x := s.Parse(ctx, id); !arn.IsAccount(a) || x != "" && len(x) != 6 {
			t.Errorf("%q is of account %q, suffix %q", id, a, x)
		}
	})
}
