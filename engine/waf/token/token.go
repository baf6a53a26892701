package token

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"time"
)

// claims is what a token says.
type claims struct {
	// solved are when each Kind was solved, in Unix seconds, 0 for never.
	solved [2]int64
	class  [16]byte
	id     [16]byte
	domain string
}

const (
	version = 1
	// fixed is a token's length before its domain: version, key id, two times,
	// client class, id, and the domain's length.
	fixed   = 1 + 4 + 8 + 8 + 16 + 16 + 1
	macSize = 32
	// maxText bounds what is decoded at all.
	maxText   = 512
	maxDomain = 253
	// skew is how far in the future another node's clock may be.
	skew = time.Minute
)

// encode signs the claims.
func (c *claims) encode(key *Key) string {
	b := make([]byte, 0, fixed+len(c.domain)+macSize)
	b = append(b, version)
	b = binary.BigEndian.AppendUint32(b, key.ID)
	for _, at := range c.solved {
		b = binary.BigEndian.AppendUint64(b, uint64(at)) //nolint:gosec // read back as it was
	}
	b = append(append(b, c.class[:]...), c.id[:]...)
	b = append(append(b, byte(len(c.domain))), c.domain...) //nolint:gosec // at most maxDomain
	return base64.RawURLEncoding.EncodeToString(append(b, key.mac(forToken, b)...))
}

// decode checks the signature and only then reads.
func (k *Keys) decode(text string) (*claims, bool) {
	if len(text) > maxText {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < fixed+macSize || b[0] != version {
		return nil, false
	}
	key := k.find(binary.BigEndian.Uint32(b[1:]))
	body, mac := b[:len(b)-macSize], b[len(b)-macSize:]
	if key == nil || !hmac.Equal(mac, key.mac(forToken, body)) || int(body[fixed-1]) != len(body)-fixed {
		return nil, false
	}
	c := &claims{domain: string(body[fixed:])}
	for i := range c.solved {
		c.solved[i] = int64(binary.BigEndian.Uint64(body[5+8*i:])) //nolint:gosec // as it was written
	}
	copy(c.class[:], body[21:])
	copy(c.id[:], body[37:])
	return c, true
}

// Verify implements Verifier.
func (k *Keys) Verify(q Query) Result {
	if q.Token == "" {
		return Result{Reason: Missing}
	}
	c, ok := k.decode(q.Token)
	if !ok || c.class != class(q.Client) {
		return Result{Reason: Invalid}
	}
	if !accepts(q.Host, q.Domains, c.domain) {
		return Result{Reason: DomainMismatch}
	}
	if c.solved[q.Kind] == 0 {
		return Result{Reason: NotSolved}
	}
	solved := time.Unix(c.solved[q.Kind], 0)
	switch age := q.Now.Sub(solved); {
	case age < -skew:
		return Result{Reason: Invalid}
	case age > q.Immunity:
		return Result{Reason: Expired, Solved: solved}
	}
	return Result{Solved: solved}
}

// class is the network that a token is bound to: an IPv4 /24 or IPv6 /48, wide
// enough for a client whose address moves within its provider's pool.
func class(a netip.Addr) [16]byte {
	a = a.Unmap().WithZone("")
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return [16]byte{}
	}
	return p.Addr().As16()
}

// hostname is a host without port, in lower case.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// accepts says whether a token won on domain counts on host: its own, or one at
// or below a domain of the ACL's list.
func accepts(host string, domains []string, domain string) bool {
	if domain == hostname(host) {
		return true
	}
	for _, d := range domains {
		if within(domain, d) {
			return true
		}
	}
	return false
}

func within(name, domain string) bool {
	domain = hostname(domain)
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// CookieDomain is the Domain attribute of a token's cookie: the widest of the
// ACL's token domains that host lies in, or empty for the host alone.
func CookieDomain(host string, domains []string) string {
	name, best := hostname(host), ""
	for _, d := range domains {
		if d = hostname(d); within(name, d) && (best == "" || len(d) < len(best)) {
			best = d
		}
	}
	return best
}
