package edge

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/edge/nlb"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// socketKey names one listening socket.
type socketKey struct {
	network string // tcp, udp
	at      netip.AddrPort
}

// socket is one listening socket. Whom it serves may change while it stays open.
type socket struct {
	key  socketKey
	tcp  net.Listener
	udp  *net.UDPConn
	to   atomic.Pointer[server]
	once sync.Once
}

func listen(ctx context.Context, key socketKey) (*socket, error) {
	s := &socket{key: key}
	var lc net.ListenConfig
	if key.network == "udp" {
		pc, err := lc.ListenPacket(ctx, "udp", key.at.String())
		if err != nil {
			return nil, describe(key.network, key.at, err)
		}
		s.udp, _ = pc.(*net.UDPConn)
		return s, nil
	}
	ln, err := lc.Listen(ctx, "tcp", key.at.String())
	if err != nil {
		return nil, describe(key.network, key.at, err)
	}
	s.tcp = ln
	return s, nil
}

func (s *socket) serve(to server) { s.to.Store(&to) }

func (s *socket) close() {
	s.once.Do(func() {
		if s.tcp != nil {
			_ = s.tcp.Close()
		}
		if s.udp != nil {
			_ = s.udp.Close()
		}
	})
}

// run accepts until the socket is closed, and waits for what it accepted.
func (s *socket) run(ctx context.Context) {
	if s.udp != nil {
		nlb.Relay(ctx, s.udp, s.to.Load().idle, func(client, local netip.AddrPort) (netip.AddrPort, func()) {
			return s.to.Load().flow(client, local)
		})
		return
	}
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := s.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors: wait for others to end
			if clock.Sleep(ctx, clock.System{}, 5*time.Millisecond) != nil {
				return
			}
			continue
		}
		conns.Go(func() { s.to.Load().conn(ctx, c, s.key.at.Port()) })
	}
}
