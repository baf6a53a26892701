package server

import (
	"net"
	"net/http"
	"sync"
)

// newcomers are connections on which no request has begun. A server that shuts down
// would wait for them, for five seconds: net/http cannot know that nothing will come.
type newcomers struct {
	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

func newNewcomers() *newcomers { return &newcomers{conns: map[net.Conn]bool{}} }

// state is http.Server's ConnState.
func (n *newcomers) state(c net.Conn, s http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s == http.StateNew {
		n.conns[c] = true
	} else {
		delete(n.conns, c)
	}
}

// close ends those that are there.
func (n *newcomers) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		_ = c.Close() // it carried nothing yet
	}
}
