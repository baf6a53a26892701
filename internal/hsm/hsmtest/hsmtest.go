// Package hsmtest gives tests a real PKCS#11 token, SoftHSM's, in a directory of
// the test's own, and the real garrison-pkcs11. It fails the test where SoftHSM or
// a C compiler is missing, and says what to install: a test that skips itself proves nothing.
// Flow: New → softhsm2-util --init-token → a Token for hsm.Config.
package hsmtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// PIN is the user PIN of each new token.
const PIN = "correct-horse-24"

const soPIN = "security-officer"

// A Token is an initialized token with a user PIN and no keys.
type Token struct {
	Helper string // path of garrison-pkcs11
	Module string // path of libsofthsm2.so
	Label  string
	Env    []string // tells the module where its tokens are
	dir    string
}

// New makes a token that ends with the test.
func New(t testing.TB) *Token {
	t.Helper()
	helper, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tok := &Token{Helper: helper, Module: module(t), Label: "garrison-test", Env: []string{"SOFTHSM2_CONF=" + conf}, dir: dir}
	tok.Add(t, tok.Label)
	return tok
}

// Add initializes a further token of that label in the same place.
func (k *Token) Add(t testing.TB, label string) {
	t.Helper()
	k.AddWithPIN(t, label, PIN)
}

// AddWithPIN is Add with another user PIN, 4 to 255 bytes.
func (k *Token) AddWithPIN(t testing.TB, label, pin string) {
	t.Helper()
	args := []string{"--module", k.Module, "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", soPIN}
	cmd := exec.CommandContext(t.Context(), "softhsm2-util", args...) //nolint:gosec // a test's own values
	cmd.Env = append(os.Environ(), k.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s\ninstall SoftHSM: apt-get install softhsm2", cmd, err, out)
	}
}

// Remove takes the token's files away, as pulling the device out does.
func (k *Token) Remove(t testing.TB) {
	t.Helper()
	for _, path := range k.objects(t) {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
}

// LockPIN sets the token's flag that says that its user PIN is locked
// (CKF_USER_PIN_LOCKED), which hardware sets after a few wrong PINs. SoftHSM
// doesn't count them, so that its flag is set in its file.
func (k *Token) LockPIN(t testing.TB) {
	t.Helper()
	const userPINLocked = 0x40000
	// SoftHSM's object file: attribute CKA_OS_TOKENFLAGS, kind 2 (a number), value.
	flags := []byte{0, 0, 0, 0, 0x80, 0, 0x53, 0x4b, 0, 0, 0, 0, 0, 0, 0, 2}
	for _, path := range k.objects(t) {
		b, err := os.ReadFile(path) //nolint:gosec // below the test's directory
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, flags)
		if at < 0 {
			t.Fatalf("%s: no token flags", path)
		}
		value := b[at+len(flags):]
		binary.BigEndian.PutUint64(value, binary.BigEndian.Uint64(value)|userPINLocked)
		if err := os.WriteFile(path, b, 0o600); err != nil { //nolint:gosec // below the test's directory
			t.Fatal(err)
		}
	}
}

func (k *Token) objects(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(k.dir, "*", "token.object"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("token files in %s: %v, %v", k.dir, paths, err)
	}
	return paths
}

// module finds SoftHSM's library.
func module(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		"/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so",
	} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("SoftHSM's library is not there: apt-get install softhsm2")
	return ""
}

// build returns bin/garrison-pkcs11 of the checkout, built anew where it is older
// than its sources. It is put there by a rename: tests of other packages may be
// running the old one.
var build = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..", "..")
	out := filepath.Join(root, "bin", "garrison-pkcs11")
	if fresh(out, filepath.Join(root, "pkcs11"), filepath.Join(root, "internal", "hsm", "frame")) {
		return out, nil
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		return "", fmt.Errorf("garrison-pkcs11 is not built, and needs a C compiler: apt-get install gcc libc6-dev: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil { //nolint:gosec // binaries are for all
		return "", err
	}
	tmp := fmt.Sprintf("%s.%d", out, os.Getpid())
	cmd := exec.Command("go", "build", "-trimpath", "-o", tmp, ".") //nolint:gosec,noctx // once for all tests
	cmd.Dir = filepath.Join(root, "pkcs11")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build garrison-pkcs11 (it needs gcc and libc6-dev): %w\n%s", err, msg)
	}
	return out, os.Rename(tmp, out)
})

// fresh says whether the file is newer than everything in the folders.
func fresh(file string, folders ...string) bool {
	built, err := os.Stat(file)
	if err != nil {
		return false
	}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && !info.IsDir() && info.ModTime().After(built.ModTime()) {
				return fs.ErrExist
			}
			return err
		})
		if err != nil {
			return false
		}
	}
	return true
}
