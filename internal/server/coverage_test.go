package server

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

var update = flag.Bool("update", false, "rewrite docs/coverage.md")

const coverageFile = "../../docs/coverage.md"

// TestCoverage holds docs/coverage.md to what is served: every operation of
// every modeled service is in it, as served or as missing.
func TestCoverage(t *testing.T) {
	want := coverage(t)
	if *update {
		if err := os.WriteFile(coverageFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(coverageFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/coverage.md is out of date: go test ./internal/server -run TestCoverage -update")
	}
}

func coverage(t *testing.T) string {
	c := Config{Listen: "127.0.0.1:0", OpsListen: "off", Logger: slog.New(slog.DiscardHandler)}
	s, err := New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var b strings.Builder
	b.WriteString("# Coverage\n\nWhat is served of each API, by the operations of AWS's models. " +
		"An operation that is not served answers `NotImplemented` by its name.\n" +
		"This page is generated: `go test ./internal/server -run TestCoverage -update`.\n\n" +
		"| service | served | of |\n|---|---|---|\n")
	services := s.services.regions[DefaultRegion].Services
	names := slices.Sorted(maps.Keys(services))
	for _, name := range names {
		served, missing := split(t, services[name])
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %d |\n", name, name, len(served), len(served)+len(missing))
	}
	for _, name := range names {
		served, missing := split(t, services[name])
		fmt.Fprintf(&b, "\n## %s\n\nServed: %s.\n", name, strings.Join(served, ", "))
		if len(missing) > 0 {
			fmt.Fprintf(&b, "\nNotImplemented: %s.\n", strings.Join(missing, ", "))
		}
	}
	return b.String()
}

func split(t *testing.T, s *wire.Service) (served, missing []string) {
	table, ok := model.Lookup(s.Name())
	if !ok {
		t.Fatalf("no model of %s", s.Name())
	}
	for op := range table.Operations() {
		if _, ok := s.Operation(op.Name); ok {
			served = append(served, op.Name)
		} else {
			missing = append(missing, op.Name)
		}
	}
	return served, missing
}
