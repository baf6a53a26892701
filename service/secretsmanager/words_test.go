package secretsmanager_test

import (
	"slices"
	"testing"

	"github.com/garrison-cloud/garrison/service/secretsmanager"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                  nil,
		"My_Secret":         {"my", "secret"},
		"credsDatabase#892": {"creds", "database", "892"},
		"  a  b ":           {"a", "b"},
		"v2beta":            {"v", "2", "beta"},
		"ÄrgerÜber":         {"ärger", "über"},
	} {
		if got := secretsmanager.Words(text); !slices.Equal(got, want) {
			t.Errorf("words of %q = %q, want %q", text, got, want)
		}
	}
}
