package runtime_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/runtime"
)

// need skips the test where a command is missing.
func need(t testing.TB, command string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		t.Skipf("no %s", command)
	}
}

// A file is one of a deployment package.
type file struct {
	name, body string
	mode       os.FileMode
}

func pack(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		h.SetMode(0o644 | f.mode)
		fw, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fw.Write([]byte(f.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lines is a Log in memory.
type lines struct {
	mu   sync.Mutex // guards all
	text strings.Builder
}

// Write implements runtime.Log.
func (l *lines) Write(_ time.Time, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(line)
	l.text.WriteByte('\n')
}

// Close implements runtime.Log.
func (l *lines) Close() {}

// String returns what was written.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A rig is a pool that runs until the test ends.
type rig struct {
	*runtime.Pool
	log   *lines
	dir   string
	count int
}

func newRig(t testing.TB, max int) *rig {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left on disk: %v, %v", left, err)
		}
	})
	return newRigIn(t, max, dir)
}

func newRigIn(t testing.TB, max int, dir string) *rig {
	t.Helper()
	r := &rig{log: &lines{}, dir: dir}
	for d := r.dir; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) { // environments' users pass through
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	r.Pool = runtime.New(runtime.Config{Clock: clock.System{}, Dir: r.dir, Max: max, Init: 5 * time.Second, FirstUID: uids.next(64)})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("end the pool: %v", err)
		}
	})
	return r
}

// uids gives each pool users of its own.
var uids ids

type ids struct {
	mu sync.Mutex // guards n
	n  int
}

func (i *ids) next(n int) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n += n
	return 1879100000 + i.n
}

// python makes a function of a Python module.
func (r *rig) python(t testing.TB, body string) *runtime.Function {
	t.Helper()
	need(t, "python3")
	return r.function("python3.11", "f.handler", pack(t, file{name: "f.py", body: body}))
}

func (r *rig) function(kind, handler string, zipped []byte) *runtime.Function {
	r.count++
	return &runtime.Function{
		ID: fmt.Sprint(r.count), Runtime: kind, Handler: handler, Memory: 128, Timeout: 10 * time.Second, Storage: 512,
		Start: func(context.Context, string) (*runtime.Setup, error) {
			return &runtime.Setup{Zip: zipped, Good: clock.System{}.Now().Add(time.Hour), Log: r.log, Version: "$LATEST", Env: []string{"GREETING=hello"}}, nil
		},
	}
}

func (r *rig) invoke(t *testing.T, f *runtime.Function, payload string) *runtime.Result {
	t.Helper()
	r.count++
	res, err := r.Invoke(t.Context(), f, &runtime.Invocation{
		RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", r.count), Payload: []byte(payload), ARN: "arn:aws:lambda:us-east-1:111122223333:function:f",
	})
	if err != nil {
		t.Fatalf("invoke: %v", err)
	}
	return res
}

// TestPython is the narrowest way through, twice in one process.
func TestPython(t *testing.T) {
	t.Parallel()
	r := newRig(t, 4)
	f := r.python(t, `
import os
n = 0
def handler(event, context):
    global n
    n += 1
    print("seen", event["a"])
    return {"n": n, "a": event["a"], "pid": os.getpid(), "greeting": os.environ["GREETING"], "id": context.aws_request_id, "left": context.get_remaining_time_in_millis() > 5000}
`)
	for i := 1; i <= 3; i++ {
		res := r.invoke(t, f, `{"a":"ä"}`)
		if got, want := string(res.Payload), fmt.Sprintf(`{"n": %d, "a": "ä", `, i); res.Error != "" || !strings.HasPrefix(got, want) || !strings.Contains(got, `"greeting": "hello"`) || !strings.Contains(got, `"left": true`) {
			t.Errorf("payload = %s, %s; want %s…; log:\n%s", got, res.Error, want, r.log)
		}
		if !strings.Contains(string(res.Tail), "seen ä\nEND RequestId: ") || !strings.HasPrefix(string(res.Tail), "START RequestId: ") {
			t.Errorf("tail = %q", res.Tail)
		}
	}
}
