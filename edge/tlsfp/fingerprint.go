package tlsfp

import (
	"crypto/md5" //nolint:gosec // JA3 is defined with it; nothing is secured by it
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// grease reports the reserved values of RFC 8701, which fingerprints leave out.
func grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

func ungreased(in []uint16) []uint16 {
	return slices.DeleteFunc(slices.Clone(in), grease)
}

func (h *Hello) fingerprint() {
	h.JA3Raw = strings.Join([]string{
		strconv.Itoa(int(h.Version)), dashed(ungreased(h.Ciphers)), dashed(ungreased(h.Extensions)),
		dashed(ungreased(h.Groups)), dashedBytes(h.Points),
	}, ",")
	sum := md5.Sum([]byte(h.JA3Raw)) //nolint:gosec // JA3 is defined with it; nothing is secured by it
	h.JA3 = hex.EncodeToString(sum[:])
	h.JA4 = h.ja4()
}

func dashed(in []uint16) string {
	b := make([]byte, 0, 6*len(in))
	for i, v := range in {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(v), 10)
	}
	return string(b)
}

func dashedBytes(in []uint8) string {
	wide := make([]uint16, len(in))
	for i, v := range in {
		wide[i] = uint16(v)
	}
	return dashed(wide)
}

// ja4 is a_b_c: what was offered, a hash of the sorted ciphers, and a hash of the sorted
// extensions with the signature algorithms in their own order.
func (h *Hello) ja4() string {
	ciphers, extensions := ungreased(h.Ciphers), ungreased(h.Extensions)
	sni := "i"
	if slices.Contains(extensions, 0) {
		sni = "d"
	}
	a := fmt.Sprintf("t%s%s%02d%02d%s", h.version(), sni, min(len(ciphers), 99), min(len(extensions), 99), h.alpn())
	slices.Sort(ciphers)
	extensions = slices.DeleteFunc(extensions, func(v uint16) bool { return v == 0 || v == 16 })
	slices.Sort(extensions)
	c := hexList(extensions)
	if signatures := ungreased(h.Signatures); len(signatures) > 0 {
		c += "_" + hexList(signatures)
	}
	return a + "_" + short(hexList(ciphers)) + "_" + short(c)
}

func (h *Hello) version() string {
	v := h.Version
	if offered := ungreased(h.Versions); len(offered) > 0 {
		v = slices.Max(offered)
	}
	switch v {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	}
	return "00"
}

// alpn is the first protocol's first and last character, in hex where they are not
// letters or digits.
func (h *Hello) alpn() string {
	if len(h.ALPN) == 0 || h.ALPN[0] == "" {
		return "00"
	}
	p := h.ALPN[0]
	first, last := p[0], p[len(p)-1]
	if !alnum(first) || !alnum(last) {
		return hex.EncodeToString([]byte{first})[:1] + hex.EncodeToString([]byte{last})[1:]
	}
	return string([]byte{first, last})
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func hexList(in []uint16) string {
	b := make([]byte, 0, 5*len(in))
	for i, v := range in {
		if i > 0 {
			b = append(b, ',')
		}
		b = hex.AppendEncode(b, binary.BigEndian.AppendUint16(nil, v))
	}
	return string(b)
}

// short is the first twelve hex digits of SHA-256, zeros for nothing.
func short(s string) string {
	if s == "" {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
