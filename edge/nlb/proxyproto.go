package nlb

import (
	"encoding/binary"
	"net/netip"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// ProxyHeader is the PROXY protocol version 2 header that tells a TCP target of the
// client and of the address that it asked for (HAProxy's specification, §2.2).
func ProxyHeader(client, local netip.AddrPort) []byte {
	b := append([]byte(signature), 0x21)
	c, l := client.Addr().Unmap(), local.Addr().Unmap()
	if c.Is4() && l.Is4() {
		b = append(b, 0x11, 0, 12)
		b = append(append(b, c.AsSlice()...), l.AsSlice()...)
	} else {
		c16, l16 := c.As16(), l.As16()
		b = append(b, 0x21, 0, 36)
		b = append(append(b, c16[:]...), l16[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, client.Port())
	return binary.BigEndian.AppendUint16(b, local.Port())
}
