package runtime

import (
	"embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// clients speak the runtime API for languages that are interpreted here.
//
//go:embed bootstrap
var clients embed.FS

// ErrRuntime is returned for a runtime that nothing on this machine can run.
var ErrRuntime = errors.New("no interpreter for this runtime is on this machine, or the functions' users may not run it")

// Supports tells whether a runtime is one that this package knows how to run.
func Supports(runtime string) bool {
	return strings.HasPrefix(runtime, "provided.") || strings.HasPrefix(runtime, "python3.") || strings.HasPrefix(runtime, "nodejs")
}

// writeClients puts the clients where every environment can read them.
func writeClients(base string) error {
	dir := filepath.Join(base, "runtime")
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // users of environments read it
		return err
	}
	for _, name := range []string{"bootstrap.py", "bootstrap.mjs"} {
		b, err := clients.ReadFile("bootstrap/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o444); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}

// command is what runs a function.
func (p *Pool) command(f *Function, task string, uid int) ([]string, error) {
	dir := filepath.Join(p.base, "runtime")
	switch {
	case strings.HasPrefix(f.Runtime, "python3."):
		python, err := interpreter(uid, f.Runtime, "python3")
		return []string{python, "-u", filepath.Join(dir, "bootstrap.py")}, err
	case strings.HasPrefix(f.Runtime, "nodejs"):
		node, err := interpreter(uid, "node", "nodejs")
		return []string{node, filepath.Join(dir, "bootstrap.mjs")}, err
	case strings.HasPrefix(f.Runtime, "provided."):
		return []string{filepath.Join(task, "bootstrap")}, nil
	}
	return nil, ErrRuntime
}

// interpreter finds the first of the names that the user may run, in the server's
// PATH and where systems keep theirs. A runtime's own version comes first; another
// takes its place where it is missing.
func interpreter(uid int, names ...string) (string, error) {
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/local/bin", "/usr/bin", "/bin")
	for _, name := range names {
		for _, dir := range dirs {
			found, err := exec.LookPath(filepath.Join(dir, name))
			if err != nil || !filepath.IsAbs(found) {
				continue
			}
			real, err := filepath.EvalSymlinks(found)
			if err == nil && reachable(real, uid) {
				return found, nil
			}
		}
	}
	return "", ErrRuntime
}

// reachable tells whether strangers may pass to a file and run it.
func reachable(file string, uid int) bool {
	if uid == 0 {
		return true
	}
	for path := file; ; path = filepath.Dir(path) {
		st, err := os.Stat(path) //nolint:gosec // a file of the server's own PATH
		if err != nil {
			return false
		}
		if st.Mode()&0o001 == 0 {
			return false
		}
		if _, ok := st.Sys().(*syscall.Stat_t); !ok || path == "/" {
			return ok
		}
	}
}

// environment is a function's whole environment (Lambda Developer Guide, "Defined
// runtime environment variables").
func (s *sandbox) environment() []string {
	task, tmp := filepath.Join(s.dir, "task"), filepath.Join(s.dir, "tmp")
	return append(append(make([]string, 0, len(s.setup.Env)+16), s.setup.Env...),
		"AWS_LAMBDA_RUNTIME_API="+s.listener.Addr().String(),
		"_HANDLER="+s.function.Handler,
		"LAMBDA_TASK_ROOT="+task,
		"LAMBDA_RUNTIME_DIR="+filepath.Join(s.pool.base, "runtime"),
		"TMPDIR="+tmp, "HOME="+tmp,
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"LD_LIBRARY_PATH=/lib64:/usr/lib64:"+task+":"+task+"/lib:/opt/lib",
		"LANG=en_US.UTF-8", "TZ=:UTC",
		"PYTHONDONTWRITEBYTECODE=1",
		"GARRISON_ENVIRONMENT="+s.name,
	)
}
