package server_test

import (
	"net"
	"testing"

	"github.com/miekg/dns"

	"github.com/garrison-cloud/garrison/internal/server"
)

// TestNameServer looks a record up at a real name server.
func TestNameServer(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		out := new(dns.Msg).SetReply(m)
		if m.Question[0].Name == "_a.example.com." {
			out.Answer = append(out.Answer, &dns.CNAME{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: "_b.acm-validations.aws."})
		}
		if err := w.WriteMsg(out); err != nil {
			t.Errorf("answer: %v", err)
		}
	})}
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	t.Cleanup(func() {
		if err := srv.Shutdown(); err != nil {
			t.Errorf("stop: %v", err)
		}
		<-done
	})
	at := server.NameServer(conn.LocalAddr().String())
	if got, err := at.LookupCNAME(t.Context(), "_a.example.com."); err != nil || got != "_b.acm-validations.aws." {
		t.Errorf("CNAME = %q, %v", got, err)
	}
	if got, err := at.LookupCNAME(t.Context(), "_none.example.com."); err == nil {
		t.Errorf("CNAME of a name without one = %q", got)
	}
}
