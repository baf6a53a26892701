package garrisontest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Program returns what builds, once, a tool of the module in dir, and says where it
// is. files are those of the module that pin it and that it is made of: having read
// them makes the test's cache notice a change.
func Program(dir, tool string, files ...string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		for _, name := range append(files, "go.mod", "go.sum") {
			if _, err := os.ReadFile(filepath.Join(dir, name)); err != nil { //nolint:gosec // the test names it
				return "", err
			}
		}
		var log strings.Builder
		cmd := exec.Command("go", "tool", "-n", tool) //nolint:gosec // the test names it; this builds it, and says where
		cmd.Dir, cmd.Stderr = dir, &log
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", tool, err, &log)
		}
		return strings.TrimSpace(string(out)), nil
	})
}
