package runtime

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// glance is how often the memory of an environment is looked at.
const glance = 10 * time.Millisecond

// watch holds the process and all it has started to their memory until it is told
// to stop, or they end.
func (p *process) watch(stop <-chan struct{}) {
	for {
		_ = clock.Sleep(context.Background(), clock.System{}, glance)
		select {
		case <-p.done:
			return
		case <-stop:
			return
		default:
		}
		if n := p.measure(p.tree()); n > p.limit {
			p.over.Store(true)
			p.kill()
			return
		}
	}
}

// overfull tells that the process was ended because it took too much memory.
func (p *process) overfull() bool { return p.over.Load() }

// peakMB is the most memory that was seen, in MB.
func (p *process) peakMB() int64 { return (p.peak.Load() + 1<<20 - 1) >> 20 }

// measure adds up the private memory of processes.
func (p *process) measure(tree []int) int64 {
	var sum int64
	for _, pid := range tree {
		sum += private(pid)
	}
	if sum > p.peak.Load() {
		p.peak.Store(sum)
	}
	return sum
}

// private is the resident memory of a process that no file stands for, in bytes.
func private(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0 // it has ended
	}
	f := strings.Fields(string(b))
	if len(f) < 3 {
		return 0
	}
	resident, _ := strconv.ParseInt(f[1], 10, 64) // the kernel's own numbers
	shared, _ := strconv.ParseInt(f[2], 10, 64)
	return (resident - shared) * int64(os.Getpagesize())
}

// rest measures the process and its descendants, and stops them if they are to wait
// for another invocation: between two they do nothing, as at AWS.
func (p *process) rest(wait bool) {
	tree := p.tree()
	p.measure(tree)
	if !wait {
		return
	}
	p.frozen = tree
	for _, pid := range tree {
		_ = unix.Kill(pid, unix.SIGSTOP) // one that has ended needs no stop
	}
}

// wake lets go on what rest has stopped.
func (p *process) wake() {
	for _, pid := range p.frozen {
		_ = unix.Kill(pid, unix.SIGCONT)
	}
	p.frozen = nil
}

// tree lists the process and its descendants.
func (p *process) tree() []int {
	out := []int{p.pid}
	for i := 0; i < len(out) && len(out) <= 2*maxProcesses; i++ {
		for _, b := range childrenOf("/proc/" + strconv.Itoa(out[i]) + "/task") {
			for f := range strings.FieldsSeq(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil {
					out = append(out, pid)
				}
			}
		}
	}
	return out
}

// childrenOf are the lists of children of each thread of a process.
func childrenOf(dir string) (out [][]byte) {
	d, err := os.Open(dir) //nolint:gosec // a name of the kernel's
	if err != nil {
		return nil // it has ended
	}
	defer d.Close() //nolint:errcheck // a directory
	threads, err := d.Readdirnames(-1)
	if err != nil {
		return nil
	}
	for _, t := range threads {
		if b, err := os.ReadFile(dir + "/" + t + "/children"); err == nil && len(b) > 0 { //nolint:gosec // as above
			out = append(out, b)
		}
	}
	return out
}

// sweep kills what has left the process's group. In a namespace nothing can outlive
// its first process; otherwise whoever bears the environment's mark, or its user,
// is found among all processes.
func (p *process) sweep() {
	if p.spaced {
		return
	}
	for range 100 { // a function that forks faster than this is not one that ends
		if p.sweepOnce() == 0 {
			return
		}
	}
}

func (p *process) sweepOnce() (found int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is good
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() || !p.owns(dir) {
			continue
		}
		if unix.Kill(pid, unix.SIGKILL) == nil {
			found++
		}
	}
	return found
}

// owns tells whether a process belongs to the environment. One that has ended and
// is not yet buried has no memory, and so no mark.
func (p *process) owns(dir string) bool {
	env, err := os.ReadFile(dir + "/environ") //nolint:gosec // a name that the kernel made
	if err != nil {
		return false
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if string(v) == p.marker {
			return true
		}
	}
	return false
}
