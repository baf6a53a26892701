package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/server"
)

type doctorCmd struct {
	Data      string `help:"Data directory to check (default ${data})." placeholder:"DIR" type:"path"`
	Listen    string `default:"127.0.0.1:4566" help:"The API's address." placeholder:"HOST:PORT"`
	OpsListen string `default:"127.0.0.1:4567" help:"The address of health and metrics." placeholder:"HOST:PORT"`
}

// A finding is what one check saw; mend is empty when all is well.
type finding struct {
	what, mend string
}

// line is the finding as it is printed.
func (f finding) line() string {
	if f.mend == "" {
		return "ok    " + f.what + "\n"
	}
	return "FAIL  " + f.what + "\n      → " + f.mend + "\n"
}

// errUnwell ends the command with a failure after all checks were printed.
var errUnwell = errors.New("something needs mending; see above")

// Run makes every check and says how to mend what is wrong.
func (c *doctorCmd) Run(stdout io.Writer) error {
	if c.Data == "" {
		c.Data = defaultData()
	}
	unwell := false
	for _, check := range []func() finding{
		c.clock, c.directory, c.secretFiles, c.diskSpace, c.diskSync, c.apiPort, c.opsPort,
	} {
		f := check()
		if f.what == "" {
			continue
		}
		unwell = unwell || f.mend != ""
		if _, err := io.WriteString(stdout, f.line()); err != nil {
			return err
		}
	}
	if unwell {
		return errUnwell
	}
	return nil
}

// oldest is a time before which no machine's clock can be right.
var oldest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *doctorCmd) clock() finding {
	now := clock.System{}.Now()
	if now.Before(oldest) {
		return finding{
			"the clock shows " + now.Format(time.RFC3339),
			"set it, and keep it right with chrony or systemd-timesyncd: signatures more than 15 minutes off are refused",
		}
	}
	return finding{what: "the clock shows " + now.Format(time.RFC3339) + "; clients must agree within 15 minutes"}
}

func (c *doctorCmd) directory() finding {
	info, err := os.Stat(c.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return finding{what: c.Data + " does not exist yet; the first start makes it"}
	case err != nil:
		return finding{fmt.Sprintf("%s: %v", c.Data, err), "make it readable for this user, or choose another with --data"}
	case !info.IsDir():
		return finding{c.Data + " is not a directory", "choose another with --data"}
	case info.Mode().Perm()&0o077 != 0:
		return finding{fmt.Sprintf("%s is open to others (%s)", c.Data, info.Mode().Perm()), "chmod 700 " + c.Data}
	}
	return finding{what: c.Data + " is there, and only this user can enter it"}
}

func (c *doctorCmd) secretFiles() finding {
	for _, path := range []string{server.RootKeyPath(c.Data), server.CredentialsPath(c.Data)} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return finding{fmt.Sprintf("%s: %v", path, err), "make it readable for this user"}
		}
		if info.Mode().Perm()&0o077 != 0 {
			return finding{fmt.Sprintf("%s is open to others (%s)", path, info.Mode().Perm()), "chmod 600 " + path}
		}
	}
	if _, err := os.Stat(server.RootKeyPath(c.Data)); errors.Is(err, fs.ErrNotExist) && filled(c.Data) {
		return finding{
			server.RootKeyPath(c.Data) + " is missing, and nothing in the data directory opens without it",
			"put back the copy that you keep apart from the data",
		}
	}
	return finding{what: "root key and credentials are readable by this user only"}
}

func filled(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

const leastFree = 1 << 30 // bytes

func (c *doctorCmd) diskSpace() finding {
	var st syscall.Statfs_t
	dir := existing(c.Data)
	if err := syscall.Statfs(dir, &st); err != nil {
		return finding{fmt.Sprintf("%s: %v", dir, err), "check the file system"}
	}
	free := st.Bavail * uint64(st.Bsize) //nolint:gosec,unconvert // Bsize is positive; its type differs between systems
	what := fmt.Sprintf("%d MiB free for %s", free>>20, c.Data)
	if free < leastFree {
		return finding{what, "free some space: calls are refused when the disk is full"}
	}
	return finding{what: what}
}

// slowSync is where durable writes become too slow to work with.
const slowSync = 50 * time.Millisecond

// diskSync writes and syncs a small file a few times, as each durable write does.
func (c *doctorCmd) diskSync() finding {
	dir := existing(c.Data)
	f, err := os.CreateTemp(dir, ".garrison-doctor-*")
	if err != nil {
		return finding{fmt.Sprintf("cannot write in %s: %v", dir, err), "let this user write there, or choose another with --data"}
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }() // what was measured counts all the same
	const rounds = 8
	begun := clock.System{}.Now()
	for range rounds {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return finding{fmt.Sprintf("write in %s: %v", dir, err), "check the disk"}
		}
		if err := f.Sync(); err != nil {
			return finding{fmt.Sprintf("sync in %s: %v", dir, err), "check the disk: what it cannot sync is not safe"}
		}
	}
	each := clock.System{}.Now().Sub(begun) / rounds
	what := fmt.Sprintf("a synced write takes %s", each.Round(10*time.Microsecond))
	if each > slowSync {
		return finding{what, "use a local SSD: every durable call waits for one"}
	}
	return finding{what: what}
}

// existing returns the nearest directory on the way to dir that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (c *doctorCmd) apiPort() finding { return port("--listen", c.Listen, c.OpsListen) }

func (c *doctorCmd) opsPort() finding {
	if c.OpsListen == "off" {
		return finding{}
	}
	return port("--ops-listen", c.OpsListen, c.OpsListen)
}

// port checks that the address is free, or that a server answers there.
func port(flag, addr, ops string) finding {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		err = l.Close()
	}
	switch {
	case err == nil:
		return finding{what: addr + " is free"}
	case !errors.Is(err, syscall.EADDRINUSE):
		return finding{err.Error(), "choose another address with " + flag}
	case healthy(ops):
		return finding{what: addr + " is in use by a garrison that is well"}
	}
	return finding{addr + " is in use by another program", "stop it, or choose another address with " + flag}
}

func healthy(ops string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ops+"/_garrison/health", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}
