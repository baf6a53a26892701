package model_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// TestLookup finds every line of every table by its name.
func TestLookup(t *testing.T) {
	t.Parallel()
	for name := range model.Names() {
		table, ok := model.Lookup(name)
		if !ok || table.Name != name {
			t.Fatalf("Lookup(%q) = %v, %t", name, table, ok)
		}
		for o := range table.Operations() {
			if got, ok := table.Operation(o.Name); !ok || !reflect.DeepEqual(got, o) {
				t.Errorf("%s: Operation(%q) = %+v, want %+v", name, o.Name, got, o)
			}
			for _, ref := range []string{o.Input.Shape, o.Output.Shape} {
				if _, ok := table.Shape(ref); !ok && ref != "" {
					t.Errorf("%s.%s refers to %s, which there is not", name, o.Name, ref)
				}
			}
		}
		for s := range table.Shapes() {
			if got, ok := table.Shape(s.Name); !ok || !reflect.DeepEqual(got, s) {
				t.Errorf("%s: Shape(%q) = %+v, want %+v", name, s.Name, got, s)
			}
			for _, m := range s.Members {
				if _, ok := table.Shape(m.Shape); !ok {
					t.Errorf("%s: %s.%s refers to %s, which there is not", name, s.Name, m.Name, m.Shape)
				}
			}
		}
		for _, absent := range []string{"", "A", "zzz", "Encryp", "EncryptX"} {
			if table.HasOperation(absent) {
				t.Errorf("%s has an operation %q", name, absent)
			}
		}
	}
	if _, ok := model.Lookup("telegraph"); ok {
		t.Error("there is a table of telegraph")
	}
}

// TestLines holds that a table written and read again is the same.
func TestLines(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[A-Z][A-Za-z0-9]{0,8}`)
	free := rapid.OneOf(rapid.Just(""), rapid.String())
	rapid.Check(t, func(rt *rapid.T) {
		want := &model.Shape{
			Name: name.Draw(rt, "name"), Kind: model.Structure, Pattern: free.Draw(rt, "pattern"), Code: free.Draw(rt, "code"),
			Status: rapid.IntRange(0, 599).Draw(rt, "status"), Sensitive: rapid.Bool().Draw(rt, "sensitive"),
			Min: rapid.StringMatching(`[0-9]{0,3}`).Draw(rt, "min"),
		}
		for range rapid.IntRange(0, 3).Draw(rt, "members") {
			want.Members = append(want.Members, model.Member{
				Name: name.Draw(rt, "member"), Shape: name.Draw(rt, "shape"), Required: rapid.Bool().Draw(rt, "required"),
				WireName: rapid.StringMatching(`[a-z-]{0,8}`).Draw(rt, "wire"),
				Location: model.Location(rapid.IntRange(0, 5).Draw(rt, "location")),
			})
		}
		table, err := model.ParseTable("service:x\n\nOp\tmethod:POST\n\n" + string(want.AppendLine(nil)) + "\n")
		if err != nil {
			rt.Fatal(err)
		}
		got, ok := table.Shape(want.Name)
		if !ok || !reflect.DeepEqual(got, want) {
			rt.Errorf("read %+v, want %+v", got, want)
		}
	})
}

func TestParseTableRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "service:x", "nonsense:x\n\nOp\n\nA\tstring\n"} {
		if _, err := model.ParseTable(text); err == nil {
			t.Errorf("ParseTable(%q) took it", text)
		}
	}
}
