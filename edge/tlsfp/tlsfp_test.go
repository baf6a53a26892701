package tlsfp_test

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge/tlsfp"
)

// hello builds a ClientHello's body of the given lists.
func hello(version uint16, ciphers []uint16, extensions []uint16, data map[uint16][]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, version)
	b = append(b, make([]byte, 32)...)
	b = append(b, 0)
	b = append(binary.BigEndian.AppendUint16(b, uint16(2*len(ciphers))), list(ciphers)...)
	b = append(b, 1, 0)
	var x []byte
	for _, e := range extensions {
		x = binary.BigEndian.AppendUint16(x, e)
		x = append(binary.BigEndian.AppendUint16(x, uint16(len(data[e]))), data[e]...)
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(x))), x...)
}

func list(in []uint16) (b []byte) {
	for _, v := range in {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func sized(in []uint16) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(2*len(in))), list(in)...)
}

// TestKnownVectors has JA3's example of its own README, and JA4's of FoxIO's
// specification (Chrome: t13d1516h2_8daaf6152771_e5627efa2ab1).
func TestKnownVectors(t *testing.T) {
	t.Parallel()
	ja3 := hello(769, []uint16{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4}, []uint16{0, 10, 11}, map[uint16][]byte{
		0: {}, 10: sized([]uint16{23, 24, 25}), 11: {1, 0},
	})
	h, err := tlsfp.Parse(ja3)
	if err != nil {
		t.Fatal(err)
	}
	if want := "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0"; h.JA3Raw != want {
		t.Errorf("JA3 text = %s, want %s", h.JA3Raw, want)
	}
	if want := "ada70206e40642a3e4461f35503241d5"; h.JA3 != want {
		t.Errorf("JA3 = %s, want %s", h.JA3, want)
	}
	chrome := hello(0x0303,
		[]uint16{0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035},
		[]uint16{0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015},
		map[uint16][]byte{
			0x0010: append([]byte{0, 12}, "\x02h2\x08http/1.1"...),
			0x000d: sized([]uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601}),
			0x002b: append([]byte{6}, list([]uint16{0x0a0a, 0x0304, 0x0303})...),
			0x000b: {1, 0}, 0x000a: sized([]uint16{0x0a0a, 29, 23, 24}),
		})
	h, err = tlsfp.Parse(chrome)
	if err != nil {
		t.Fatal(err)
	}
	if want := "t13d1516h2_8daaf6152771_e5627efa2ab1"; h.JA4 != want {
		t.Errorf("JA4 = %s, want %s", h.JA4, want)
	}
}

// TestPeek fingerprints a real client and lets the handshake go on as if nothing was read.
func TestPeek(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	defer client.Close()
	done := make(chan error, 1)
	go func() {
		c := tls.Client(client, &tls.Config{ServerName: "a.test", InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		done <- c.Handshake()
	}()
	_ = server.SetDeadline(time.Now().Add(5 * time.Second))
	conn, h, err := tlsfp.Peek(server)
	if err != nil {
		t.Fatal(err)
	}
	if h.ServerName != "a.test" || !strings.HasPrefix(h.JA4, "t13d") || !strings.Contains(h.JA4[:10], "h2") || len(h.JA4) != 36 || len(h.JA3) != 32 {
		t.Errorf("hello %+v", h)
	}
	var saw string
	_ = tls.Server(conn, &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		saw = i.ServerName
		return nil, errors.New("enough")
	}}).Handshake()
	if saw != "a.test" {
		t.Errorf("handshake saw %q", saw)
	}
	_ = server.Close()
	<-done
}

func TestNotTLS(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x04\x02\x00\x00\x00", "\x16\x03\x01\x00\x04\x01\xff\xff\xff", "\x16\x03\x01\x00\x00", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"} {
		client, server := net.Pipe()
		go func() { _, _ = io.WriteString(client, s); _ = client.Close() }()
		if _, h, err := tlsfp.Peek(server); err == nil {
			t.Errorf("%x: read as %+v", s, h)
		}
		_ = server.Close()
	}
}

func FuzzParse(f *testing.F) {
	b, _ := hex.DecodeString("0303")
	f.Add(append(b, make([]byte, 40)...))
	f.Add(hello(0x0303, []uint16{1, 2}, []uint16{0, 16}, map[uint16][]byte{0: {0, 4, 0, 0, 1, 'a'}, 16: {0, 3, 2, 'h', '2'}}))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := tlsfp.Parse(in)
		if err == nil && (len(h.JA3) != 32 || len(h.JA4) != 36) {
			t.Errorf("fingerprints %q %q", h.JA3, h.JA4)
		}
	})
}
