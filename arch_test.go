package garrison_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/garrison-cloud/garrison/"

// policy is a statement of policy: what each room may import of the project.
// "x/*" stands for every package below x. A package not named here may import
// nothing of the project, and a new room needs a line of its own.
const policy = `
internal/clock:      
internal/arn:        
internal/jsonenc:    
internal/page:       
internal/recent:
engine/waf:          engine/waf/*
engine/waf/*:        engine/waf/*
engine/*:            internal/clock
internal/store/tuple:
internal/store:      internal/clock internal/store/tuple
internal/store/*:    internal/clock internal/store internal/store/tuple
internal/lastuse:    internal/store internal/clock
internal/sigv4:      internal/clock
internal/xks:        internal/clock
internal/runtime:    internal/clock
internal/authz:      engine/iam internal/store internal/arn internal/recent
internal/wire/model: 
internal/wire/modelgen: internal/wire/model
internal/wire:       internal/authz internal/arn internal/jsonenc internal/wire/model
internal/audit:      engine/iam internal/authz internal/store internal/clock internal/jsonenc
internal/jobs:       internal/clock internal/store
internal/blob:       internal/clock internal/store
internal/blob/*:     internal/blob internal/store
internal/relay:      internal/store internal/clock
internal/hsm/frame:
internal/hsm/hsmtest:
internal/hsm:        internal/clock internal/hsm/frame
pkcs11:              internal/hsm/frame
edge:                internal/clock edge/*
edge/*:              internal/clock engine/* edge/*
service/*:           internal/runtime internal/wire internal/jobs internal/blob internal/blob/* internal/relay internal/authz internal/store internal/audit internal/lastuse internal/page internal/recent internal/hsm internal/clock internal/arn internal/jsonenc internal/xks engine/*
internal/gateway:    internal/wire internal/authz internal/sigv4 internal/audit internal/lastuse internal/store internal/clock internal/arn engine/iam
internal/server:     *
internal/garrisontest: *
cmd/garrison:        *
bench/*:             *
test/xksproxy:       
`

// onlyFrom lists rooms that nobody may import but those named.
var onlyFrom = map[string][]string{
	"internal/server":       {"cmd/garrison", "internal/garrisontest", "bench/*"},
	"internal/garrisontest": {},
	"internal/hsm/hsmtest":  {},
	"test/xksproxy":         {},
}

func TestDependencyRule(t *testing.T) {
	t.Parallel()
	rules := parsePolicy(t)
	for file, imports := range projectImports(t, ".") {
		from := filepath.ToSlash(filepath.Dir(file))
		allowed, known := ruleFor(rules, from)
		if !known {
			t.Errorf("%s: the room %s has no line in the policy", file, from)
			continue
		}
		for _, to := range imports {
			if to == from || slices.ContainsFunc(allowed, func(p string) bool { return covers(p, to) }) && importable(from, to) {
				continue
			}
			t.Errorf("%s: %s must not import %s", file, from, to)
		}
	}
}

// TestPolicyRefuses shows that the rule can fail.
func TestPolicyRefuses(t *testing.T) {
	t.Parallel()
	rules := parsePolicy(t)
	for _, tt := range []struct{ from, to string }{
		{"service/kms", "service/iam"},
		{"engine/iam", "internal/store"},
		{"internal/wire", "internal/gateway"},
		{"service/kms", "internal/server"},
	} {
		allowed, _ := ruleFor(rules, tt.from)
		if slices.ContainsFunc(allowed, func(p string) bool { return covers(p, tt.to) }) {
			t.Errorf("the policy lets %s import %s", tt.from, tt.to)
		}
	}
}

func parsePolicy(t *testing.T) map[string][]string {
	t.Helper()
	rules := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(policy)) {
		room, allowed, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("policy line %q has no colon", line)
		}
		rules[room] = strings.Fields(allowed)
	}
	return rules
}

func ruleFor(rules map[string][]string, room string) ([]string, bool) {
	if allowed, ok := rules[room]; ok {
		return allowed, true
	}
	for pattern, allowed := range rules {
		if covers(pattern, room) {
			return allowed, true
		}
	}
	return nil, false
}

func covers(pattern, room string) bool {
	if pattern == "*" {
		return true
	}
	base, wild := strings.CutSuffix(pattern, "/*")
	if !wild {
		return pattern == room
	}
	return strings.HasPrefix(room, base+"/")
}

func importable(from, to string) bool {
	callers, limited := onlyFrom[to]
	return !limited || slices.ContainsFunc(callers, func(p string) bool { return covers(p, from) })
}

// projectImports returns the project's own imports of each file that is not a
// test. It reads the files itself, so that the test's cache notices a change.
func projectImports(t *testing.T, root string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, path := range goFiles(t, root) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		out[path] = nil
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if rel, ok := strings.CutPrefix(p, module); ok {
				out[path] = append(out[path], rel)
			}
		}
	}
	return out
}

// goFiles lists the project's Go files.
func goFiles(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			out = append(out, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
