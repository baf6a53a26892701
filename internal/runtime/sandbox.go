package runtime

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// settle is how long a runtime that has answered may take to ask for more, before
// it counts as stuck and is not used again.
const settle = time.Second

// A sandbox is one execution environment: a process with all it starts, its
// directory, and the runtime API at an address of its own.
type sandbox struct {
	pool     *Pool
	function *Function
	setup    *Setup
	name     string
	slot     int
	dir      string
	good     time.Time
	proc     *process
	out      *output
	listener net.Listener
	server   *http.Server
	ending   sync.Once
	served   chan struct{} // closed when the server has returned

	// idleSince is guarded by the pool's mutex.
	idleSince time.Time

	// work hands an invocation to the runtime that asks for the next one.
	work chan *job
	// asked is told each time that the runtime asks.
	asked chan struct{}

	mu      sync.Mutex // guards the fields below
	current *job       // nil once it is answered
	failed  *Result    // what the runtime said of its failed start
}

// A job is an invocation under way.
type job struct {
	*Invocation
	deadline time.Time // of the wall clock
	taken    bool      // by the runtime; guarded by the sandbox
	answer   chan *Result
}

// Invoke runs one invocation in a warm environment, or in a new one. What a
// function does wrong is in the result; an error says that it could not be run.
// The invocation goes on when ctx is canceled, as it does at AWS.
func (p *Pool) Invoke(ctx context.Context, f *Function, inv *Invocation) (*Result, error) {
	ctx = context.WithoutCancel(ctx)
	if s := p.take(f); s != nil {
		s.proc.wake()
		return s.serve(inv, p.Wall.Now(), 0) //nolint:contextcheck // as said
	}
	began := p.Wall.Now()
	s, res, err := p.start(ctx, f, p.Init)
	if errors.Is(err, errLateStart) { // tried again, in the function's own time
		s.end()
		began = p.Wall.Now()
		s, res, err = p.start(ctx, f, f.Timeout)
	}
	if errors.Is(err, errLateStart) {
		res, err = s.timedOut(inv), nil
	}
	if err != nil {
		return nil, err
	}
	took := p.Wall.Now().Sub(began)
	if res != nil {
		defer s.end()
		return s.stillborn(inv, res, took), nil
	}
	return s.serve(inv, p.Wall.Now(), took) //nolint:contextcheck // as said
}

var errLateStart = errors.New("the runtime did not get ready in time")

// start makes an environment and waits until its runtime asks for work. A result
// is what a runtime says that fails to start. The caller ends the environment
// then, and when it is late.
func (p *Pool) start(ctx context.Context, f *Function, patience time.Duration) (*sandbox, *Result, error) {
	s := &sandbox{pool: p, function: f, work: make(chan *job), asked: make(chan struct{}, 1), served: make(chan struct{})}
	var id [16]byte
	rand.Read(id[:])
	s.name = hex.EncodeToString(id[:])
	if err := p.enter(s); err != nil {
		return nil, nil, err
	}
	if err := s.begin(ctx); err != nil {
		s.end()
		return nil, nil, err
	}
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go s.proc.watch(stop) //nolint:gosec,contextcheck // it ends with this function
	select {
	case <-s.asked:
		return s, nil, nil
	case <-s.proc.done:
	case <-limit.Done():
		s.proc.kill()
		return s, nil, errLateStart
	}
	s.out.drain()
	s.mu.Lock()
	res := s.failed
	s.mu.Unlock()
	if res == nil {
		res = failure("Runtime.ExitError", "", "Runtime exited "+s.proc.fate())
	}
	return s, res, nil
}

// begin brings the environment to life.
func (s *sandbox) begin(ctx context.Context) (err error) {
	if s.setup, err = s.function.Start(ctx, s.name); err != nil {
		return err
	}
	s.good = s.setup.Good
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("listen for the runtime API: %w", err)
	}
	if err := s.layOut(); err != nil {
		return err
	}
	command, err := s.pool.command(s.function, filepath.Join(s.dir, "task"), s.uid())
	if err != nil {
		return err
	}
	if s.out, err = newOutput(s.setup.Log, s.pool.Clock); err != nil {
		return err
	}
	s.proc, err = s.launch(command)
	if err != nil {
		return err
	}
	s.out.begin()
	s.serveAPI()
	return nil
}

// uid is the user that the process runs under, 0 for the server's own.
func (s *sandbox) uid() int {
	if !s.pool.root {
		return 0
	}
	return s.pool.FirstUID + s.slot
}

func (s *sandbox) exited() bool {
	select {
	case <-s.proc.done:
		return true
	default:
		return false
	}
}

// end kills the process and all it has started, and gives everything back. It
// returns when all is gone.
func (s *sandbox) end() {
	s.ending.Do(func() {
		if s.proc != nil {
			s.proc.kill()
			<-s.proc.done
		}
		if s.server != nil {
			_ = s.server.Close() // its connections are cut off: that is all there is to say
			<-s.served
		} else if s.listener != nil {
			_ = s.listener.Close()
		}
		if s.out != nil {
			s.out.close()
		} else if s.setup != nil && s.setup.Log != nil {
			s.setup.Log.Close()
		}
		if s.dir != "" {
			if err := removeAll(s.dir); err != nil {
				s.pool.Logger.Error("remove an execution environment", "error", err)
			}
		}
		s.pool.leave(s)
	})
}

// serve runs one invocation, and keeps the environment if it is fit for more.
func (s *sandbox) serve(inv *Invocation, began time.Time, init time.Duration) (*Result, error) {
	j := &job{Invocation: inv, deadline: began.Add(s.function.Timeout), answer: make(chan *Result, 1)}
	s.out.say("START RequestId: " + inv.RequestID + " Version: " + s.setup.Version)
	limit, cancel := context.WithTimeout(context.Background(), s.function.Timeout)
	defer cancel()
	s.mu.Lock()
	s.current = j
	s.mu.Unlock()
	stop := make(chan struct{})
	go s.proc.watch(stop)
	res, fit := s.await(limit, j)
	close(stop)
	s.proc.rest(fit)
	took := s.pool.Wall.Now().Sub(began)
	s.out.drain()
	s.finish(inv, res, took, init)
	res.Tail = s.out.take()
	if fit {
		s.pool.give(s)
	} else {
		s.end()
	}
	return res, nil
}

// await hands the job over and waits for its answer. fit tells that the
// environment may be used again.
func (s *sandbox) await(limit context.Context, j *job) (res *Result, fit bool) {
	work := s.work
	for {
		select {
		case work <- j:
			work = nil
		case res := <-j.answer:
			return res, s.asksAgain(limit)
		case <-s.proc.done:
			select {
			case res := <-j.answer: // it has answered with its last breath
				return res, false
			default:
			}
			return s.died(j.Invocation), false
		case <-limit.Done():
			s.proc.kill()
			return s.timedOut(j.Invocation), false
		}
	}
}

// asksAgain waits until the runtime asks for its next invocation.
func (s *sandbox) asksAgain(limit context.Context) bool {
	limit, cancel := context.WithTimeout(limit, settle)
	defer cancel()
	select {
	case <-s.asked:
		return true
	case <-s.proc.done:
	case <-limit.Done():
	}
	return false
}

func (s *sandbox) died(j *Invocation) *Result {
	if s.proc.overfull() {
		return failure("Runtime.OutOfMemory", j.RequestID, "Runtime exited with error: signal: killed")
	}
	return failure("Runtime.ExitError", j.RequestID, "Runtime exited "+s.proc.fate())
}

func (s *sandbox) timedOut(j *Invocation) *Result {
	return failure(timedOut, j.RequestID, fmt.Sprintf("Task timed out after %.2f seconds", s.function.Timeout.Seconds()))
}

// finish writes END and REPORT in AWS's form (Lambda Developer Guide, "Sending
// Lambda function logs to CloudWatch Logs").
func (s *sandbox) finish(inv *Invocation, res *Result, took, init time.Duration) {
	id := inv.RequestID
	status := ""
	switch {
	case res.kind == timedOut:
		s.out.say(s.pool.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z") + " " + id +
			fmt.Sprintf(" Task timed out after %.2f seconds", s.function.Timeout.Seconds()))
		status = "\tStatus: timeout"
	case res.platform:
		s.out.say("RequestId: " + id + " Error: " + res.cause)
		status = "\tStatus: error\tError Type: " + res.kind
	}
	s.out.say("END RequestId: " + id)
	billed := int64(math.Ceil(float64(took+init) / float64(time.Millisecond)))
	report := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB",
		id, float64(took)/float64(time.Millisecond), billed, s.function.Memory, s.proc.peakMB())
	if init > 0 {
		report += fmt.Sprintf("\tInit Duration: %.2f ms", float64(init)/float64(time.Millisecond))
	}
	s.out.say(report + status)
}

// stillborn logs an invocation whose runtime has failed to start, and returns res.
func (s *sandbox) stillborn(inv *Invocation, res *Result, took time.Duration) *Result {
	s.out.say(fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: error\tError Type: %s", float64(took)/float64(time.Millisecond), res.kind))
	s.out.say("START RequestId: " + inv.RequestID + " Version: " + s.setup.Version)
	s.finish(inv, res, took, 0)
	res.Tail = s.out.take()
	return res
}

// layOut makes the environment's directory: the task, which the function can't
// write to, and a temporary directory of its own.
func (s *sandbox) layOut() error {
	s.dir = filepath.Join(s.pool.base, s.name)
	if err := os.Mkdir(s.dir, 0o750); err != nil {
		return fmt.Errorf("make an execution environment: %w", err)
	}
	task, tmp := filepath.Join(s.dir, "task"), filepath.Join(s.dir, "tmp")
	if err := unpack(s.setup.Zip, task); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	uid := s.uid()
	if uid == 0 {
		return nil
	}
	return errors.Join(os.Chown(s.dir, 0, uid), os.Chown(tmp, uid, uid))
}
