package runtime

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// maxLine is where a line is cut: an event of CloudWatch Logs holds 256 KB
// (CloudWatch Logs User Guide, "CloudWatch Logs quotas").
const maxLine = 256 << 10

// output is what the processes of an environment write to their standard output
// and error. It is read in the background, and to the last byte on demand, so that
// what a function has said before it answers is logged before END.
type output struct {
	log   Log
	clock clock.Clock
	// read and write are the two ends; write is the processes'.
	read, write *os.File
	raw         syscall.RawConn

	mu    sync.Mutex // guards the fields below, and the reading itself
	line  []byte     // begun and not ended
	tail  []byte
	buf   []byte
	ended bool
}

func newOutput(log Log, c clock.Clock) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	raw, err := r.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	return &output{log: log, clock: c, read: r, write: w, raw: raw, buf: make([]byte, 64<<10)}, nil
}

// begin reads in the background. The process has its end by then.
func (o *output) begin() {
	_ = o.write.Close()                    // the processes hold theirs
	go func() { _ = o.raw.Read(o.pump) }() // it ends when close closes the pipe
}

// pump reads all that is there, and reports whether the end has come.
func (o *output) pump(fd uintptr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended {
		n, err := unix.Read(int(fd), o.buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case n > 0:
			o.split(o.buf[:n])
		case errors.Is(err, unix.EAGAIN):
			return false
		default:
			o.ended = true
		}
	}
	return true
}

// drain takes in what has been written until now.
func (o *output) drain() {
	_ = o.raw.Control(func(fd uintptr) { o.pump(fd) }) // it fails once the pipe is closed: nothing is left then
}

// split splits bytes into lines; o.mu is held.
func (o *output) split(b []byte) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			i = len(b)
		}
		n := min(i, maxLine-len(o.line))
		o.line = append(o.line, b[:n]...)
		switch {
		case n < i:
			o.emit()
			b = b[n:]
		case i < len(b):
			o.emit()
			b = b[i+1:]
		default:
			return
		}
	}
}

// emit passes the line on; o.mu is held.
func (o *output) emit() {
	o.record(o.line)
	o.line = o.line[:0]
}

func (o *output) record(line []byte) {
	o.tail = tailOf(append(append(o.tail, line...), '\n'))
	if len(line) > 0 {
		o.log.Write(o.clock.Now(), line)
	}
}

// say adds a line of the platform's.
func (o *output) say(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.line) > 0 {
		o.emit()
	}
	o.record([]byte(text))
}

// take returns the end of what was said since the last time.
func (o *output) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := bytes.Clone(o.tail)
	o.tail = o.tail[:0]
	return out
}

func tailOf(b []byte) []byte {
	if n := len(b) - maxTail; n > 0 {
		b = append(b[:0], b[n:]...)
	}
	return b
}

// close ends the reading once no process is left to write.
func (o *output) close() {
	o.drain()
	_ = o.write.Close() // twice where a process was started
	_ = o.read.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true // for a background reading that is just about to begin
	if len(o.line) > 0 {
		o.emit()
	}
	o.log.Close()
}
