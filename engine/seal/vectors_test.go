package seal

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
)

// hexBytes is hexadecimal in the files. It is nil where a vector leaves it out.
type hexBytes []byte

// UnmarshalText reads hexadecimal digits.
func (b *hexBytes) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	*b = raw
	return err
}

// vectorGroup is what some vectors share, which of it depends on the algorithm.
type vectorGroup struct {
	KeySize         int      `json:"keySize"`
	TagSize         int      `json:"tagSize"`
	PublicKey       hexBytes `json:"publicKey"`
	PublicKeyDER    hexBytes `json:"publicKeyDer"`
	PrivateKeyPKCS8 hexBytes `json:"privateKeyPkcs8"`
	PrivateSeed     hexBytes `json:"privateSeed"`
	Tests           []vector `json:"tests"`
}

// vector is one test under the number that it has in its source.
type vector struct {
	ID      int      `json:"id"`
	Result  string   `json:"result"`
	Flags   []string `json:"flags"`
	Key     hexBytes `json:"key"`
	IV      hexBytes `json:"iv"`
	AAD     hexBytes `json:"aad"`
	Msg     hexBytes `json:"msg"`
	CT      hexBytes `json:"ct"`
	Tag     hexBytes `json:"tag"`
	Sig     hexBytes `json:"sig"`
	Label   hexBytes `json:"label"`
	Public  hexBytes `json:"public"`
	Private hexBytes `json:"private"`
	Shared  hexBytes `json:"shared"`
	Ctx     hexBytes `json:"ctx"`
	Mu      hexBytes `json:"mu"`
}

func (v *vector) has(flag string) bool { return slices.Contains(v.Flags, flag) }

// verdict is what became of a vector.
type verdict string

const (
	accepted verdict = "accepted"
	refused  verdict = "refused"
	skipped  verdict = "skipped"
)

// verdictOf is refused for the one error that the API promises, and fails the test
// for any other.
func verdictOf(t *testing.T, err, refusal error) verdict {
	t.Helper()
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, refusal):
		return refused
	}
	t.Errorf("error = %v, want nil or %v", err, refusal)
	return skipped
}

// outcome is a verdict and the one that the vector, or a documented decision about
// it, asks for.
type outcome struct{ got, want verdict }

// plain is an outcome whose vector says all: valid or invalid.
func (v *vector) plain(got verdict) outcome {
	switch v.Result {
	case "valid":
		return outcome{got, accepted}
	case "invalid":
		return outcome{got, refused}
	}
	return outcome{got, "a decision about " + verdict(v.Result)}
}

// vectorFile is a row of the table: a file and what becomes of its vectors. The
// counts are asserted, so that no file is empty and no vector left out unseen.
type vectorFile struct {
	name                              string
	total, accepted, refused, skipped int
	// open makes the test of a group's vectors.
	open func(t *testing.T, g *vectorGroup) func(t *testing.T, v *vector) outcome
}

func readVectors(t *testing.T, name string) []vectorGroup {
	t.Helper()
	file, err := os.Open("testdata/wycheproof/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var groups []vectorGroup
	if err := json.NewDecoder(plain).Decode(&groups); err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestVectors runs the table: every vector gets the verdict that it asks for, and
// each file gives the counts of its row.
func TestVectors(t *testing.T) {
	t.Parallel()
	for _, f := range vectorFiles() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

func (f *vectorFile) run(t *testing.T) {
	counts := map[verdict]int{}
	total := 0
	for _, g := range readVectors(t, f.name) {
		test := f.open(t, &g)
		for i := range g.Tests {
			v := &g.Tests[i]
			o := test(t, v)
			if o.got != o.want && o.got != skipped {
				t.Errorf("vector %d %v, %s: %s, want %s", v.ID, v.Flags, v.Result, o.got, o.want)
			}
			counts[o.got]++
			total++
		}
	}
	got := [4]int{total, counts[accepted], counts[refused], counts[skipped]}
	if want := [4]int{f.total, f.accepted, f.refused, f.skipped}; got != want {
		t.Errorf("total, accepted, refused, skipped = %v, want %v", got, want)
	}
}
