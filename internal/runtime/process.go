package runtime

import (
	"fmt"
	"os"
	"os/exec"
	goruntime "runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bounds of a function's process (Lambda Developer Guide, "Lambda quotas").
const (
	maxFiles     = 1024
	maxProcesses = 1024
	// dataSlack is how far a process's private memory may go beyond what the function
	// is given: stacks and reserves that are never touched count too. What it really
	// uses is held to its memory by watch.
	dataSlack = 512 << 20
)

// limits begins both launchers. The shell sets them, because a server that is root
// in a container may not limit processes of others. Shells differ in the option for
// processes.
const limits = `ulimit -c 0 && ulimit -n %d && ulimit -d %d && ulimit -f %d || exit 111
if [ %d != 0 ]; then (ulimit -p %[4]d) 2>/dev/null && ulimit -p %[4]d || ulimit -u %[4]d || exit 111; fi
`

// alone is the launcher in a process namespace of its own: it is the first process
// there, so that the others die with it, and takes in orphans. Its own words about
// how the function died are not the function's output.
const alone = limits + `{ "$@" </dev/null 2>&3 3>&-; } 3>&2 2>/dev/null; exit $?`

// among is the launcher where there is no namespace: it becomes the function.
const among = limits + `exec "$@" </dev/null`

// A process is the function's first process.
type process struct {
	pid    int
	spaced bool
	marker string
	uid    int
	done   chan struct{} // closed when it and all it started are gone
	killed sync.Once
	state  *os.ProcessState

	// frozen are the processes that rest has stopped, for whoever has the environment.
	frozen []int

	peak  atomic.Int64 // bytes
	over  atomic.Bool
	limit int64
}

// launch starts the command in the environment.
func (s *sandbox) launch(argv []string) (*process, error) {
	f := s.function
	p := &process{limit: int64(f.Memory) << 20, spaced: s.pool.spaces, uid: s.uid(), marker: "GARRISON_ENVIRONMENT=" + s.name, done: make(chan struct{})}
	script := among
	if p.spaced {
		script = alone
	}
	processes := 0
	if p.uid != 0 { // whom it has to itself
		processes = maxProcesses
	}
	script = fmt.Sprintf(script, maxFiles, (p.limit+dataSlack)>>10, f.Storage<<11, processes)
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, argv...)...) //nolint:gosec,noctx // the command is one of three, and lives longer than any call
	cmd.Dir = s.dir + "/task"
	cmd.Env = s.environment()
	cmd.Stdout, cmd.Stderr = s.out.write, s.out.write
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if p.spaced {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC
	}
	if p.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.uid)} //nolint:gosec // a user id
	}
	started := make(chan error, 1)
	go p.live(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	return p, nil
}

// live starts the command and waits for its end on a thread of its own: the thread
// gives up all privileges to come, which the process inherits, and its life is what
// the process's hangs on, so that it dies with the server too.
func (p *process) live(cmd *exec.Cmd, started chan<- error) {
	goruntime.LockOSThread() // and never unlock: the thread ends with this function
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		started <- err
		return
	}
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	_ = cmd.Wait() // the state tells how it ended
	p.state = cmd.ProcessState
	p.sweep()
	close(p.done)
}

// kill ends the process and its group; sweep then finds who has left the group.
func (p *process) kill() {
	p.killed.Do(func() {
		select {
		case <-p.done: // the id may be another's by now
		default:
			_ = unix.Kill(-p.pid, unix.SIGKILL) // it may have ended by itself
		}
	})
}

// fate tells how the process ended, in AWS's words.
func (p *process) fate() string {
	code := p.state.ExitCode()
	if st, ok := p.state.Sys().(syscall.WaitStatus); ok && st.Signaled() {
		return "with error: signal: " + st.Signal().String()
	}
	switch {
	case p.spaced && code > 128 && code < 192: // as the launcher tells a signal
		return "with error: signal: " + syscall.Signal(code-128).String()
	case code == 0:
		return "without providing a reason"
	default:
		return "with error: exit status " + strconv.Itoa(code)
	}
}

// mayMakeSpaces tries whether processes may be given a namespace.
func mayMakeSpaces() bool {
	cmd := exec.Command("/bin/true") //nolint:noctx // it ends at once
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC}
	return cmd.Run() == nil
}
