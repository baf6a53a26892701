package rotation_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A cluster is a PostgreSQL server of the test's own.
type cluster struct {
	bin  string
	port int
}

// A login is a secret's value, as AWS's rotation functions have it.
type login struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	DBName   string `json:"dbname"`
	Username string `json:"username"`
	Password string `json:"password"`
	Master   string `json:"masterarn,omitempty"`
}

const masterPassword = "of the master"

// startCluster makes a cluster on loopback, whose passwords count, and stops it when
// the test ends. PostgreSQL does not run as root, so that root makes it nobody's.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{bin: binaries(t)}
	dir, err := os.MkdirTemp("", "garrison-postgres") //nolint:usetesting // a TempDir lies in a folder that nobody may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		const nobody = 65534
		as.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	password, data := filepath.Join(dir, "password"), filepath.Join(dir, "data")
	if err := os.WriteFile(password, []byte(masterPassword), 0o644); err != nil {
		t.Fatal(err)
	}
	initdb := exec.CommandContext(t.Context(), filepath.Join(c.bin, "initdb"), "-D", data, "-U", "master", "--pwfile", password, "-A", "scram-sha-256", "-N")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	c.port = freePort(t)
	c.run(t, as, dir, data)
	return c
}

func (c *cluster) run(t *testing.T, as *syscall.SysProcAttr, dir, data string) {
	t.Helper()
	server := exec.Command(filepath.Join(c.bin, "postgres"), "-D", data, "-k", dir, "-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-F")
	server.SysProcAttr, server.Dir = as, dir
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		if err := server.Wait(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	if !garrisontest.Eventually(func() bool { return c.query(t, c.master(), "SELECT 1") == "1" }) {
		t.Fatal("PostgreSQL does not answer")
	}
}

// binaries is where PostgreSQL's own programs are.
func binaries(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		t.Fatal(err)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		t.Fatal("no PostgreSQL: bash test.sh installs it")
	}
	return filepath.Dir(found[0])
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (c *cluster) user(name, password string) login {
	return login{Host: "127.0.0.1", Port: c.port, DBName: "postgres", Username: name, Password: password}
}

func (c *cluster) master() login { return c.user("master", masterPassword) }

// query runs SQL as a user, and returns what it gives, or that it was refused.
func (c *cluster) query(t *testing.T, as login, sql string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(c.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql)
	cmd.Env = append(os.Environ(), "PGHOST="+as.Host, fmt.Sprint("PGPORT=", as.Port), "PGDATABASE="+as.DBName, "PGUSER="+as.Username, "PGPASSWORD="+as.Password)
	out, err := cmd.Output()
	if err != nil {
		return "refused"
	}
	return strings.TrimSpace(string(out))
}
