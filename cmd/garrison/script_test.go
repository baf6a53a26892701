package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this very program as the command garrison.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"garrison": main})
}

// TestScripts runs the sessions in testdata with the real aws command line.
func TestScripts(t *testing.T) {
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Fatal("the aws command line is missing: bash test.sh installs it")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"LISTEN", "OPS", "PEER", "LISTEN2", "OPS2", "PEER2"} {
				addr, err := freeAddr()
				if err != nil {
					return err
				}
				e.Setenv(name, addr)
			}
			e.Setenv("AWS_CONFIG_FILE", e.WorkDir+"/aws-config")
			e.Setenv("AWS_SHARED_CREDENTIALS_FILE", e.WorkDir+"/aws-credentials")
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_MAX_ATTEMPTS", "1")
			e.Setenv("AWS_PAGER", "")
			e.Setenv("HOME", e.WorkDir)
			for _, kept := range []string{"PYENV_ROOT", "PYENV_VERSION"} {
				e.Setenv(kept, os.Getenv(kept))
			}
			return oldAWS(e, aws)
		},
		Condition: func(name string) (bool, error) {
			if name != "newaws" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return newAWS(t, aws), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":  await,
			"source": source,
			"until":  until,
			"save":   save,
		},
	})
}

var awsVersion = regexp.MustCompile(`^aws-cli/(\d+)\.(\d+)`)

// newAWS reports whether the command line knows the operations that AWS added in
// 2023, which Debian's does not.
func newAWS(t *testing.T, aws string) bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), aws, "--version").CombinedOutput()
	m := awsVersion.FindStringSubmatch(string(out))
	if err != nil || m == nil {
		t.Fatalf("aws --version: %v: %s", err, out)
	}
	major, errMajor := strconv.Atoi(m[1])
	minor, errMinor := strconv.Atoi(m[2])
	if err := errors.Join(errMajor, errMinor); err != nil {
		t.Fatal(err)
	}
	return major == 1 && minor >= 32 || major == 2 && minor >= 15 || major > 2
}

// oldAWS puts a command aws before the real one that passes the endpoint on as
// an option: releases before 2.13 do not know AWS_ENDPOINT_URL, and would call
// the real AWS.
func oldAWS(e *testscript.Env, real string) error {
	dir := filepath.Join(e.WorkDir, "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	e.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	script := "#!/bin/sh\nexec '" + real + "' --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"\n"
	return os.WriteFile(filepath.Join(dir, "aws"), []byte(script), 0o755)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// await ADDR waits until a server answers there.
func await(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for clock.Sleep(ctx, clock.System{}, 5*time.Millisecond) == nil {
		if resp, err := http.Get("http://" + args[0]); err == nil {
			_ = resp.Body.Close()
			return
		}
	}
	ts.Fatalf("nothing answers on %s", args[0])
}

// until COMMAND runs a program again and again until it succeeds.
func until(ts *testscript.TestScript, _ bool, args []string) {
	if !garrisontest.Eventually(func() bool { return ts.Exec(args[0], args[1:]...) == nil }) {
		ts.Fatalf("%s has not succeeded", strings.Join(args, " "))
	}
}

// source FILE takes the exports in a file into the script's environment, as a
// shell would.
func source(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if ok {
			ts.Setenv(name, strings.Trim(value, "'"))
		}
	}
}

// save NAME keeps the last output, trimmed, in an environment variable. Words
// of several names are kept one in each.
func save(ts *testscript.TestScript, _ bool, args []string) {
	words := strings.Fields(ts.ReadFile("stdout"))
	if len(words) != len(args) {
		ts.Fatalf("output has %d words, want %d", len(words), len(args))
	}
	for i, name := range args {
		ts.Setenv(name, words[i])
	}
}

// TestUnknownFlag shows that what is not understood refuses to start.
func TestUnknownFlag(t *testing.T) {
	for _, args := range [][]string{
		{"serve", "--no-such-flag"},
		{"serve", "--dev-iam=off", "--listen=127.0.0.1:0"},
		{"serve", "--dev", "--listen=0.0.0.0:0"},
		{"serve", "--dev", "--listen=127.0.0.1:0", "--tls-cert=main.go"},
		{"serve", "--dev", "--listen=127.0.0.1:0", "--account=12"},
		{"serve", "--dev", "--listen=127.0.0.1:0", "--regions=mars"},
	} {
		var out strings.Builder
		if err := run(args, &out, &out); err == nil {
			t.Errorf("garrison %s started", fmt.Sprint(args))
		}
	}
}
