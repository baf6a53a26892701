package runtime

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// ownListener takes connections of one user only: functions of other users find
// the port closed to them, though it is on the machine's loopback.
type ownListener struct {
	net.Listener
	uid int // 0 takes all, where environments have no users of their own
}

// Accept implements net.Listener.
func (l *ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.uid == 0 {
			return c, err
		}
		if uid, err := peerUID(c); err == nil && uid == l.uid {
			return c, nil
		}
		_ = c.Close() // a stranger
	}
}

// peerUID asks the kernel who holds the other end of a loopback connection.
func peerUID(c net.Conn) (int, error) {
	ours, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return 0, err
	}
	theirs, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return 0, err
	}
	for _, t := range []struct {
		path string
		hex  func(netip.AddrPort) string
	}{{"/proc/net/tcp", hex4}, {"/proc/net/tcp6", hexMapped}} {
		uid, err := holder(t.path, t.hex(theirs), t.hex(ours))
		if err != nil || uid >= 0 {
			return uid, err
		}
	}
	return 0, fmt.Errorf("nobody holds the connection from %s", theirs)
}

// holder finds the user of the socket with those two addresses, -1 if there is none.
func holder(path, local, remote string) (int, error) {
	f, err := os.Open(path) //nolint:gosec // one of two names
	if err != nil {
		return -1, err
	}
	defer f.Close() //nolint:errcheck // it was read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := strings.Fields(lines.Text()) // sl local_address rem_address st queues timer retrnsmt uid
		if len(w) > 7 && w[1] == local && w[2] == remote {
			return strconv.Atoi(w[7])
		}
	}
	return -1, nil
}

// hex4 prints an address as /proc/net/tcp does: words in the machine's order.
func hex4(a netip.AddrPort) string {
	b := a.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(b[:]), a.Port())
}

func hexMapped(a netip.AddrPort) string {
	b := a.Addr().Unmap().As4()
	return fmt.Sprintf("0000000000000000%08X%08X:%04X", binary.NativeEndian.Uint32([]byte{0, 0, 0xff, 0xff}), binary.NativeEndian.Uint32(b[:]), a.Port())
}
