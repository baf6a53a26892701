package runtime_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/runtime"
)

// pause waits for a moment of the machine's time.
func pause() {
	if err := clock.Sleep(context.Background(), clock.System{}, 5*time.Millisecond); err != nil {
		panic(err) // the context never ends
	}
}

// TestNode runs JavaScript in its forms.
func TestNode(t *testing.T) {
	t.Parallel()
	need(t, "node")
	r := newRig(t, 8)
	for _, tt := range []struct{ name, file, body, payload, want string }{
		{"async", "index.js", `exports.handler = async (e, c) => { console.log("saw", e); return { ok: true, id: c.awsRequestId.length, left: c.getRemainingTimeInMillis() > 0, x: e.x } }`, `{"x":"ü"}`, `{"ok":true,"id":36,"left":true,"x":"ü"}`},
		{"module", "index.mjs", `export const handler = async () => process.env.GREETING`, `{}`, `"hello"`},
		{"callback", "index.js", `exports.handler = (e, c, done) => setTimeout(() => done(null, [1, 2]), 5)`, `{}`, `[1,2]`},
		{"nothing", "index.js", `exports.handler = async () => {}`, `{}`, `null`},
		{"throws", "index.js", `exports.handler = async () => { throw new TypeError("no") }`, `{}`, `{"errorType":"TypeError","errorMessage":"no","trace":["TypeError: no",`},
		{"rejects later", "index.js", `exports.handler = () => new Promise(() => setTimeout(() => { throw new Error("late") }, 5))`, `{}`, `{"errorType":"Error","errorMessage":"late"`},
		{"syntax", "index.js", `exports.handler = (`, `{}`, `{"errorType":"Runtime.UserCodeSyntaxError"`},
		{"no module", "index.js", `require("nowhere")`, `{}`, `{"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module 'nowhere'`},
		{"no handler", "index.js", `exports.other = 1`, `{}`, `{"errorType":"Runtime.HandlerNotFound","errorMessage":"index.handler is undefined or not exported"`},
	} {
		f := r.function("nodejs20.x", "index.handler", pack(t, file{name: tt.file, body: tt.body}))
		res := r.invoke(t, f, tt.payload)
		if got := string(res.Payload); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: payload = %s, want %s; tail %s", tt.name, got, tt.want, res.Tail)
		}
		if failed := strings.Contains(tt.want, "errorType"); failed != (res.Error != "") {
			t.Errorf("%s: error = %q", tt.name, res.Error)
		}
		if tt.name == "async" && !strings.Contains(string(res.Tail), "\tINFO\tsaw { x: 'ü' }\nEND") {
			t.Errorf("tail = %s", res.Tail)
		}
	}
}

// custom is a bootstrap in Go that speaks the runtime API itself, well or badly.
const custom = `package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

var base = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime"

func post(path, body string) int {
	r, err := http.Post(base+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	return r.StatusCode
}

func main() {
	first := post("/invocation/none/response", "{}")
	for {
		r, err := http.Get(base + "/invocation/next")
		if err != nil {
			os.Exit(9)
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		id := r.Header.Get("Lambda-Runtime-Aws-Request-Id")
		switch string(bytes.Trim(b, "\"")) {
		case "never":
			time.Sleep(time.Hour)
		case "twice":
			a := post("/invocation/"+id+"/response", "\"first\"")
			b := post("/invocation/"+id+"/response", "\"second\"")
			c := post("/invocation/"+id+"/error", "{}")
			fmt.Println("codes", first, a, b, c)
		case "other":
			fmt.Println("codes", post("/invocation/00000000-0000-0000-0000-000000000000/response", "1"))
			post("/invocation/"+id+"/response", "2")
		case "next":
			r, err := http.Get(base + "/invocation/next")
			if err == nil {
				r.Body.Close()
				post("/invocation/"+id+"/response", fmt.Sprint(r.StatusCode))
			}
		case "large":
			post("/invocation/"+id+"/response", "\""+strings.Repeat("x", 7<<20)+"\"")
		case "stuck":
			post("/invocation/"+id+"/response", "\"answered\"")
			time.Sleep(time.Hour)
		case "reach":
			_, err := http.Get("http://" + os.Getenv("OTHER") + "/2018-06-01/runtime/invocation/next")
			post("/invocation/"+id+"/response", fmt.Sprint(err != nil))
		case "address":
			post("/invocation/"+id+"/response", "\""+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"\"")
		default:
			post("/invocation/"+id+"/response", "[\""+r.Header.Get("Lambda-Runtime-Invoked-Function-Arn")+"\","+string(b)+"]")
		}
	}
}
`

// bootstrap compiles the custom runtime.
func bootstrap(t *testing.T) []byte {
	t.Helper()
	need(t, "go")
	dir := t.TempDir()
	for name, body := range map[string]string{"main.go": custom, "go.mod": "module bootstrap\n\ngo 1.24\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", "bootstrap", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	return pack(t, file{name: "bootstrap", body: string(b), mode: 0o755})
}

// TestCustom runs a compiled bootstrap that breaks the runtime API's rules.
func TestCustom(t *testing.T) {
	t.Parallel()
	zipped := bootstrap(t)
	r := newRig(t, 8)
	f := r.function("provided.al2023", "any", zipped)
	f.Timeout = 2 * time.Second
	for _, tt := range []struct{ payload, want, log string }{
		{`{"a":1}`, `["arn:aws:lambda:us-east-1:111122223333:function:f",{"a":1}]`, ""},
		{`"twice"`, `"first"`, ""},
		{`"other"`, `2`, "codes 400"},
		{`"next"`, `403`, ""},
		{`"large"`, `Response payload size exceeded maximum allowed payload size (6291556 bytes).`, ""},
		{`"stuck"`, `"answered"`, ""},
		{`"never"`, `Task timed out after 2.00 seconds`, "Status: timeout"},
		{`{"b":2}`, `["arn:aws:lambda:us-east-1:111122223333:function:f",{"b":2}]`, "Init Duration: "},
	} {
		res := r.invoke(t, f, tt.payload)
		if got := string(res.Payload); !strings.Contains(got, tt.want) || !strings.Contains(string(res.Tail), tt.log) {
			t.Errorf("%s: payload = %s, want %s; tail %s", tt.payload, got, tt.want, res.Tail)
		}
	}
	if log := r.log.String(); !strings.Contains(log, "codes 403 202 403 403") {
		t.Errorf("second answers were taken: %s", log)
	}
}

// TestStranger lets one function call at another's runtime API.
func TestStranger(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("functions have users of their own only under a server that is root")
	}
	zipped := bootstrap(t)
	r := newRig(t, 4)
	f := r.function("provided.al2023", "any", zipped)
	address := strings.Trim(string(r.invoke(t, f, `"address"`).Payload), `"`)
	g := r.function("provided.al2023", "any", zipped)
	start := g.Start
	g.Start = withEnv(start, "OTHER="+address)
	if res := r.invoke(t, g, `"reach"`); string(res.Payload) != "true" {
		t.Errorf("a stranger was answered: %s %s", res.Payload, res.Tail)
	}
	if res := r.invoke(t, f, `{}`); res.Error != "" {
		t.Errorf("the function that was called at: %s", res.Payload)
	}
}

func withEnv(start func(context.Context, string) (*runtime.Setup, error), more string) func(context.Context, string) (*runtime.Setup, error) {
	return func(ctx context.Context, name string) (*runtime.Setup, error) {
		s, err := start(ctx, name)
		if err == nil {
			s.Env = append(s.Env, more)
		}
		return s, err
	}
}
