package alb

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// upgrade hands both connections to each other after 101 (RFC 9110 §7.8), as for
// WebSockets, until one side ends or both are silent for the idle timeout.
func (ex *exchange) upgrade(up *target.Conn, resp *http1.Response) error {
	c, ok := ex.out.(*client)
	if !ok || ex.req.Upgrade == nil {
		return errTarget // a target may not switch protocols unasked
	}
	upgrade := ex.req.Upgrade
	for _, f := range resp.Fields {
		if f.Kind == http1.Upgrade {
			upgrade = f.Value
		}
	}
	ex.begun, ex.status, ex.upgraded = true, resp.Status, true
	h := ex.headOf(resp)
	h.upgrade, h.noContent = upgrade, true
	if c.begin(h) != nil || c.flush() != nil {
		return errGone
	}
	_ = up.SetDeadline(time.Time{})
	_ = c.nc.SetDeadline(time.Time{})
	pipe(
		half{dst: up.Conn, src: c.nc, first: c.in.Take()},
		half{dst: c.nc, src: up.Conn, first: up.In.Take()},
		ex.p.idle,
	)
	_ = up.Close()
	return nil
}

// half is one direction of a pipe.
type half struct {
	dst, src net.Conn
	first    []byte
	moved    int64
}

// pipe copies both ways. Either side's end ends its direction; silence ends both.
func pipe(a, b half, idle time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.run(idle)
	}()
	a.run(idle)
	<-done
}

func (h *half) run(idle time.Duration) {
	defer closeWrite(h.dst)
	if len(h.first) > 0 {
		if _, err := h.dst.Write(h.first); err != nil {
			return
		}
	}
	buf := make([]byte, 16<<10)
	for {
		now := clock.System{}.Now()
		_ = h.src.SetReadDeadline(now.Add(idle))
		n, err := h.src.Read(buf)
		if n > 0 {
			_ = h.dst.SetWriteDeadline(now.Add(2 * idle))
			if _, err := h.dst.Write(buf[:n]); err != nil {
				_ = h.src.SetReadDeadline(now)
				return
			}
			h.moved += int64(n)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = h.dst.SetReadDeadline(now) // broken or silent: the other way ends too
			}
			return
		}
	}
}

func closeWrite(c net.Conn) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		_ = h.CloseWrite()
		return
	}
	_ = c.Close()
}
