package garrison_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Limits of the style guide, in lines.
const (
	maxFile     = 500
	maxFunction = 80
)

// TestSizes holds files and functions to the limits.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, path := range goFiles(t, ".") {
		src := read(t, path)
		if generated(src) {
			continue
		}
		if n := strings.Count(src, "\n"); n > maxFile {
			t.Errorf("%s: %d lines; a file has at most %d", path, n, maxFile)
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > maxFunction {
				t.Errorf("%s: %s is %d lines; a function has at most %d", path, fn.Name.Name, n, maxFunction)
			}
		}
	}
}

// TestExportedNamesAreDocumented holds every exported top-level name of the
// project's own packages to a doc comment.
func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, path := range goFiles(t, ".") {
		if strings.HasSuffix(path, "_test.go") || generated(read(t, path)) {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if name := undocumented(d); name != "" {
				t.Errorf("%s: %s has no doc comment", path, name)
			}
		}
	}
}

func undocumented(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			return d.Name.Name
		}
	case *ast.GenDecl:
		if d.Tok != token.TYPE || d.Doc != nil {
			return ""
		}
		for _, s := range d.Specs {
			if ts := s.(*ast.TypeSpec); ts.Name.IsExported() && ts.Doc == nil {
				return ts.Name.Name
			}
		}
	}
	return ""
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return false
		}
	}
}

// TestServices holds each service folder to its form: service.go with a package
// comment, and Operations in it.
func TestServices(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("service/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("service folders: %v, %v", dirs, err)
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, "service.go")
		src := read(t, path)
		if want := "// Package " + filepath.Base(dir) + " "; !strings.Contains(src, want) {
			t.Errorf("%s: no package comment beginning with %q", path, want)
		}
		if !strings.Contains(src, ") Operations() []wire.Operation {") {
			t.Errorf("%s: no Operations method", path)
		}
	}
}

// TestFileNames refuses names that say nothing.
func TestFileNames(t *testing.T) {
	t.Parallel()
	empty := []string{"util", "utils", "common", "helpers", "models", "types", "misc"}
	for _, path := range goFiles(t, ".") {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".go"), "_test")
		if slices.Contains(empty, name) {
			t.Errorf("%s: the name says nothing of what is in it", path)
		}
		if name != strings.ToLower(name) {
			t.Errorf("%s: file names are lower case", path)
		}
	}
}

// banned are calls that hide a dependency on the machine.
var banned = regexp.MustCompile(`\btime\.(Now|Sleep|Since)\(|"math/rand(/v2)?"|\bfunc init\(\)`)

// TestInjectedTime lets only the clock and the load generator read the
// machine's time, and lets nobody use init.
func TestInjectedTime(t *testing.T) {
	t.Parallel()
	for _, path := range goFiles(t, ".") {
		slash := filepath.ToSlash(path)
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(slash, "internal/clock/") || strings.HasPrefix(slash, "bench/") {
			continue
		}
		for i, line := range strings.Split(read(t, path), "\n") {
			if m := banned.FindString(line); m != "" {
				t.Errorf("%s:%d: %s is not for this place", path, i+1, m)
			}
		}
	}
}

func generated(src string) bool {
	head, _, _ := strings.Cut(src, "\npackage ")
	return strings.Contains(head, "Code generated ")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
