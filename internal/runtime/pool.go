// Package runtime runs functions as processes of this machine, and speaks the
// Lambda runtime API with them. A process serves one invocation at a time, is kept
// while it is warm, and dies with all that it started when it is late, takes more
// memory than it may or is no longer needed. It refuses to run more processes than
// it is told to, and to answer anybody but the process that it started.
//
// There is no virtual machine and no network namespace: a function sees what its
// user may see of the machine, and the network as the server does.
//
//	Pool.Invoke → warm sandbox or new one (unzip, start, init) → next → response → warm again
package runtime

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// ErrBusy is returned when no process may be added and none can be spared.
var ErrBusy = errors.New("as many execution environments as there may be are at work")

// errStopped is returned once the pool has ended.
var errStopped = errors.New("the execution environments have been stopped")

// Config is what a Pool is made of. Zero values take the defaults named.
type Config struct {
	// Clock is the services' time, for what is logged and for the end of
	// credentials; Wall is the time that processes live by.
	Clock, Wall clock.Clock
	// Dir is where environments lie while they live: a new directory below the
	// machine's temporary one, if empty.
	Dir string
	// FirstUID is the first of Max user ids that environments run under, one each,
	// when the server is root (1879048192: far from any that a person has).
	FirstUID int
	// Max bounds the environments, working and idle (64).
	Max int
	// Idle is how long an environment is kept warm (5 minutes).
	Idle time.Duration
	// Init bounds the start of an environment before it is tried once more within
	// the invocation's own time (10 seconds).
	Init   time.Duration
	Logger *slog.Logger
}

func (c *Config) complete() {
	if c.Wall == nil {
		c.Wall = clock.System{}
	}
	if c.FirstUID == 0 {
		c.FirstUID = 1879048192
	}
	if c.Max == 0 {
		c.Max = 64
	}
	if c.Idle == 0 {
		c.Idle = 5 * time.Minute
	}
	if c.Init == 0 {
		c.Init = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// A Pool holds the execution environments. It is safe for concurrent use.
type Pool struct {
	Config
	root bool // the server may give environments users of their own
	// spaces tells that processes get a process namespace, so that none escapes.
	spaces bool

	mu      sync.Mutex // guards the fields below
	base    string     // the directory, once it is made
	lock    *os.File   // says that it is in use
	idle    map[string][]*sandbox
	slots   []bool // which user ids are taken
	alive   map[*sandbox]struct{}
	stopped bool
	// gone is signaled when an environment has ended.
	gone sync.WaitGroup
}

// New returns a Pool. It starts nothing: the first invocation does.
func New(c Config) *Pool {
	c.complete()
	return &Pool{
		Config: c, root: os.Geteuid() == 0, spaces: os.Geteuid() == 0 && mayMakeSpaces(),
		idle: map[string][]*sandbox{}, slots: make([]bool, c.Max), alive: map[*sandbox]struct{}{},
	}
}

// Run ends environments that have been idle for too long, until ctx ends; it then
// ends all, and returns once none of their processes is left.
func (p *Pool) Run(ctx context.Context) error {
	for {
		err := clock.Sleep(ctx, p.Wall, p.Idle/4)
		if err != nil {
			return errors.Join(p.stop(), ctx.Err())
		}
		p.retire(func(s *sandbox) bool { return p.Wall.Now().Sub(s.idleSince) >= p.Idle })
	}
}

// Retire ends the idle environments of the functions whose ID the filter takes.
// Those at work end when they are done, if by then they are stale.
func (p *Pool) Retire(takes func(id string) bool) {
	p.retire(func(s *sandbox) bool { return takes(s.function.ID) })
}

func (p *Pool) retire(takes func(*sandbox) bool) {
	var out []*sandbox
	p.mu.Lock()
	for id, list := range p.idle {
		kept := list[:0]
		for _, s := range list {
			if takes(s) {
				out = append(out, s)
			} else {
				kept = append(kept, s)
			}
		}
		p.idle[id] = kept
		if len(kept) == 0 {
			delete(p.idle, id)
		}
	}
	p.mu.Unlock()
	for _, s := range out {
		s.end()
	}
}

// stop ends everything and removes what is on disk.
func (p *Pool) stop() error {
	p.mu.Lock()
	p.stopped = true
	all := make([]*sandbox, 0, len(p.alive))
	for s := range p.alive {
		all = append(all, s)
	}
	base := p.base
	p.mu.Unlock()
	for _, s := range all {
		s.end()
	}
	p.gone.Wait()
	if base == "" {
		return nil
	}
	return errors.Join(removeAll(base), p.lock.Close())
}

// take returns a warm environment of the function, nil if there is none.
func (p *Pool) take(f *Function) *sandbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	for list := p.idle[f.ID]; len(list) > 0; list = p.idle[f.ID] {
		s := list[len(list)-1]
		p.idle[f.ID] = list[:len(list)-1]
		if !s.exited() && p.Clock.Now().Before(s.good) {
			return s
		}
		go s.end() // it is joined by stop
	}
	return nil
}

// give keeps an environment warm.
func (p *Pool) give(s *sandbox) {
	p.mu.Lock()
	kept := !p.stopped && !s.exited()
	if kept {
		s.idleSince = p.Wall.Now()
		p.idle[s.function.ID] = append(p.idle[s.function.ID], s)
	}
	p.mu.Unlock()
	if !kept {
		s.end()
	}
}

// enter finds room for a new environment, at the cost of an idle one if need be.
func (p *Pool) enter(s *sandbox) error {
	if err := p.enterOnce(s); !errors.Is(err, ErrBusy) {
		return err
	}
	oldest := p.evict()
	if oldest == nil {
		return ErrBusy
	}
	oldest.end()
	return p.enterOnce(s)
}

func (p *Pool) enterOnce(s *sandbox) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errStopped
	}
	if err := p.makeBase(); err != nil {
		return err
	}
	for i, taken := range p.slots {
		if !taken {
			p.slots[i], s.slot = true, i
			p.alive[s] = struct{}{}
			p.gone.Add(1)
			return nil
		}
	}
	return ErrBusy
}

// evict takes the environment out that has been idle longest.
func (p *Pool) evict() (oldest *sandbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := 0
	for _, list := range p.idle {
		for i, s := range list {
			if oldest == nil || s.idleSince.Before(oldest.idleSince) {
				oldest, at = s, i
			}
		}
	}
	if oldest != nil {
		id := oldest.function.ID
		p.idle[id] = append(p.idle[id][:at:at], p.idle[id][at+1:]...)
	}
	return oldest
}

// leave gives an environment's room back.
func (p *Pool) leave(s *sandbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[s.slot] = false
	delete(p.alive, s)
	p.gone.Done()
}
