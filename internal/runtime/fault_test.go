package runtime_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/runtime"
)

// alive tells whether a process of the id is there, and is no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// marked finds the processes of a file that only the test's own have open by name.
func marked(t *testing.T, word string) (out []int) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		b, err := os.ReadFile(d)
		pid, err2 := strconv.Atoi(strings.Split(d, "/")[2])
		if err == nil && err2 == nil && strings.Contains(string(b), word) && alive(pid) {
			out = append(out, pid)
		}
	}
	return out
}

// TestFaults holds each way to fail to AWS's words, and what comes after it to work.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body, payload, log string
		timeout                  time.Duration
	}{
		{name: "exception", body: "def handler(e, c): raise ValueError('no')", payload: `"errorMessage": "no", "errorType": "ValueError"`, log: "[ERROR] ValueError: no"},
		{name: "not JSON", body: "def handler(e, c): return object()", payload: `"errorType": "Runtime.MarshalError"`},
		{name: "exit", body: "import os\ndef handler(e, c): os._exit(3)", payload: `"errorType":"Runtime.ExitError","errorMessage":"RequestId: 00000000-0000-4000-8000-`, log: "Error: Runtime exited with error: exit status 3"},
		{name: "exit well", body: "import os\ndef handler(e, c): os._exit(0)", payload: `Error: Runtime exited without providing a reason"`},
		{name: "killed", body: "import os\ndef handler(e, c): os.kill(os.getpid(), 9)", payload: `Error: Runtime exited with error: signal: killed"`, log: "Status: error\tError Type: Runtime.ExitError"},
		{name: "crash", body: "import os\ndef handler(e, c): os.kill(os.getpid(), 11)", payload: `Error: Runtime exited with error: signal: segmentation fault"`},
		{name: "late", body: "import time\ndef handler(e, c): time.sleep(60)", payload: `"errorType":"Sandbox.Timedout"`, log: "Task timed out after 1.00 seconds", timeout: time.Second},
		{name: "busy", body: "def handler(e, c):\n  while True: pass", payload: `Error: Task timed out after 1.00 seconds"`, log: "Status: timeout", timeout: time.Second},
		{name: "memory at once", body: "def handler(e, c): return len(bytearray(700<<20))", payload: `MemoryError`},
		{name: "memory by and by", body: "import time\ndef handler(e, c):\n  a = []\n  while True:\n    a.append(b'x' * (1<<20) + bytes([len(a) % 256]))", payload: `"errorType":"Runtime.OutOfMemory"`, log: "Error Type: Runtime.OutOfMemory"},
		{name: "no module", body: "import nowhere", payload: `"errorType": "Runtime.ImportModuleError"`, log: "INIT_REPORT"},
		{name: "syntax", body: "def handler(", payload: `"errorType": "Runtime.UserCodeSyntaxError"`},
		{name: "no handler", body: "x = 1", payload: `"errorType": "Runtime.HandlerNotFound"`},
		{name: "init exits", body: "import os\nos._exit(7)", payload: `Error: Runtime exited with error: exit status 7"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 2)
			f := r.python(t, tt.body)
			if tt.timeout > 0 {
				f.Timeout = tt.timeout
			}
			for range 2 { // the second runs in a new process, or in the one that raised
				res := r.invoke(t, f, `{}`)
				if got := string(res.Payload); res.Error != "Unhandled" || !strings.Contains(got, tt.payload) {
					t.Errorf("payload = %q %s, want …%s…", got, res.Error, tt.payload)
				}
				if got := string(res.Tail); !strings.Contains(got, tt.log) || !strings.Contains(got, "REPORT RequestId: ") {
					t.Errorf("tail = %q, want …%s…", got, tt.log)
				}
				if tt.timeout > 0 {
					break
				}
			}
		})
	}
}

// TestKilledFromOutside kills the function's process as an administrator would.
func TestKilledFromOutside(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	f := r.python(t, "import time\nopen('/proc/self/comm','w').write('g-victim')\ndef handler(e, c): time.sleep(60)")
	done := make(chan *runtime.Result, 1)
	go func() { done <- r.invoke(t, f, `{}`) }()
	for !killByName("g-victim") {
		select {
		case res := <-done:
			t.Fatalf("ended early: %s", res.Payload)
		default:
			pause()
		}
	}
	if res := <-done; !strings.Contains(string(res.Payload), "Runtime exited with error: signal: killed") {
		t.Errorf("payload = %s", res.Payload)
	}
}

func killByName(name string) bool {
	list, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, p := range list {
		if b, err := os.ReadFile(p); err == nil && strings.TrimSpace(string(b)) == name {
			pid, _ := strconv.Atoi(strings.Split(p, "/")[2])
			return exec.Command("kill", "-9", strconv.Itoa(pid)).Run() == nil
		}
	}
	return false
}

// TestForks lets a function leave processes behind that have left its group: they
// die with the environment.
func TestForks(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	mark := "4711." + strconv.Itoa(os.Getpid())
	f := r.python(t, `
import os, subprocess, time
def handler(e, c):
    for _ in range(3):
        subprocess.Popen(["sleep", "`+mark+`"], start_new_session=True)
    if e.get("fork"):
        pid = os.fork()
        if pid == 0:
            os.setsid()
            time.sleep(600)
    return "ok"
`)
	if res := r.invoke(t, f, `{}`); string(res.Payload) != `"ok"` {
		t.Fatalf("payload = %s", res.Payload)
	}
	for range 200 { // they may be about to begin
		if len(marked(t, mark)) == 3 {
			break
		}
		pause()
	}
	if got := len(marked(t, mark)); got != 3 {
		t.Errorf("%d processes are there, want 3", got)
	}
	r.Retire(func(string) bool { return true })
	if got := marked(t, mark); len(got) != 0 {
		t.Errorf("processes %v are left", got)
	}
	if res := r.invoke(t, f, `{"fork":true}`); string(res.Payload) != `"ok"` {
		t.Fatalf("payload = %s", res.Payload)
	}
	r.Retire(func(string) bool { return true })
	if got := marked(t, mark); len(got) != 0 {
		t.Errorf("processes %v are left", got)
	}
}

// TestConfined looks at the machine from within a function.
func TestConfined(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	f := r.python(t, `
import os, tempfile, resource
def can(f):
    try:
        f()
        return True
    except OSError:
        return False
def handler(e, c):
    task = os.environ["LAMBDA_TASK_ROOT"]
    with tempfile.NamedTemporaryFile() as t: t.write(b"x")
    status = open("/proc/self/status").read()
    return {
        "uid": os.getuid(), "cwd": os.getcwd() == task, "tmp": tempfile.gettempdir() == os.environ["TMPDIR"],
        "writes": can(lambda: open(task + "/x", "w")), "changes": can(lambda: open(task + "/f.py", "w")), "moves": can(lambda: os.rename(task + "/f.py", task + "/g.py")),
        "lists": can(lambda: os.listdir(task + "/../..")), "shadow": can(lambda: open("/etc/shadow")),
        "privs": "NoNewPrivs:\t1" in status, "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0], "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "env": sorted(k for k in os.environ if k.startswith("GARRISON") or "SECRET" in k),
        "groups": os.getgroups(), "sid": os.getsid(0) != 0,
    }
`)
	res := string(r.invoke(t, f, `{}`).Payload)
	wants := []string{`"cwd": true`, `"tmp": true`, `"privs": true`, `"files": 1024`, `"core": 0`, `"env": ["GARRISON_ENVIRONMENT"]`}
	if os.Geteuid() == 0 {
		wants = append(wants, `"writes": false`, `"changes": false`, `"moves": false`, `"lists": false`, `"shadow": false`, `"groups": []`, `"uid": 18791`)
	}
	for _, want := range wants {
		if !strings.Contains(res, want) {
			t.Errorf("answer %s lacks %s", res, want)
		}
	}
}

// TestOneAtATime runs more invocations at once than there may be processes.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	f := r.python(t, "import time, os\ndef handler(e, c):\n  time.sleep(0.3)\n  return os.getpid()")
	var wg sync.WaitGroup
	var mu sync.Mutex // guards busy and done
	busy, done := 0, 0
	for i := range 5 {
		wg.Go(func() {
			_, err := r.Invoke(t.Context(), f, &runtime.Invocation{RequestID: fmt.Sprint("r", i), Payload: []byte("{}")})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, runtime.ErrBusy):
				busy++
			case err == nil:
				done++
			default:
				t.Errorf("invoke: %v", err)
			}
		})
	}
	wg.Wait()
	if busy != 3 || done != 2 {
		t.Errorf("%d were refused and %d done, want 3 and 2", busy, done)
	}
	g := r.python(t, "def handler(e, c): return 1") // in place of an idle one
	if res := r.invoke(t, g, `{}`); string(res.Payload) != "1" {
		t.Errorf("payload = %s", res.Payload)
	}
}

// TestStale leaves the directory of a pool that was killed, which the next one
// removes, and that of one at work, which it does not.
func TestStale(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	stale := filepath.Join(r.dir, "garrison-lambda-1")
	if err := os.MkdirAll(filepath.Join(stale, "x", "task"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stale, "lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := r.python(t, "def handler(e, c): return 1")
	r.invoke(t, f, `{}`)
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stale directory: %v, want none", err)
	}
	second := newRigIn(t, 2, r.dir)
	second.invoke(t, f, `{}`)
	if left, err := os.ReadDir(r.dir); err != nil || len(left) != 2 {
		t.Errorf("directories = %v, %v; want one of each pool", left, err)
	}
	if res := r.invoke(t, f, `{}`); string(res.Payload) != "1" {
		t.Errorf("the first pool's function answers %s", res.Payload)
	}
}

// TestFrozen lets a function leave a thread that counts: between invocations it
// stands still.
func TestFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	f := r.python(t, `
import threading, time
n = 0
def count():
    global n
    while True:
        n += 1
        time.sleep(0.001)
threading.Thread(target=count, daemon=True).start()
def handler(e, c):
    before = n
    time.sleep(e)
    return [before, n]
`)
	var counts [2][2]int
	if err := json.Unmarshal(r.invoke(t, f, `0.2`).Payload, &counts[0]); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		pause()
	}
	if err := json.Unmarshal(r.invoke(t, f, `0`).Payload, &counts[1]); err != nil {
		t.Fatal(err)
	}
	within, between := counts[0][1]-counts[0][0], counts[1][0]-counts[0][1]
	if within == 0 || between > within/2 {
		t.Errorf("it counted %d in a fifth of a second at work, and %d in half a second between", within, between)
	}
}
