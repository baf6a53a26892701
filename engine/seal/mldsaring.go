package seal

import (
	"crypto/sha3"
	"math/bits"
)

// The ring of FIPS 204 §2.3: polynomials of degree below 256 with coefficients
// modulo ringQ. Only public values pass through it, so that its divisions may
// take as long as they like.
const (
	ringQ = 8380417
	ringN = 256
)

// poly is a polynomial, or its transform; coefficients are below ringQ.
type poly [ringN]uint32

// zetas are the powers of the root of unity 1753, in bit-reversed order (FIPS 204
// §7.5, Appendix B).
var zetas = powersOfZeta()

func powersOfZeta() poly {
	var out poly
	power := uint32(1)
	for i := range ringN {
		out[bits.Reverse8(uint8(i))] = power
		power = mulQ(power, 1753)
	}
	return out
}

func mulQ(a, b uint32) uint32 { return uint32(uint64(a) * uint64(b) % ringQ) }

func addQ(a, b uint32) uint32 { return (a + b) % ringQ }

func subQ(a, b uint32) uint32 { return (a + ringQ - b) % ringQ }

// ntt transforms in place (FIPS 204, Algorithm 41).
func (p *poly) ntt() {
	m := 0
	for size := ringN / 2; size >= 1; size /= 2 {
		for start := 0; start < ringN; start += 2 * size {
			m++
			for j := start; j < start+size; j++ {
				t := mulQ(zetas[m], p[j+size])
				p[j], p[j+size] = addQ(p[j], t), subQ(p[j], t)
			}
		}
	}
}

// inverseNTT transforms back in place (FIPS 204, Algorithm 42).
func (p *poly) inverseNTT() {
	m := ringN
	for size := 1; size < ringN; size *= 2 {
		for start := 0; start < ringN; start += 2 * size {
			m--
			for j := start; j < start+size; j++ {
				t := p[j]
				p[j] = addQ(t, p[j+size])
				p[j+size] = mulQ(zetas[m], subQ(p[j+size], t))
			}
		}
	}
	for j := range p {
		p[j] = mulQ(p[j], 8347681) // 1/256
	}
}

// addProduct adds the product of two transforms to a third.
func (p *poly) addProduct(a, b *poly) {
	for i := range p {
		p[i] = addQ(p[i], mulQ(a[i], b[i]))
	}
}

// subProduct takes the product of two transforms from a third.
func (p *poly) subProduct(a, b *poly) {
	for i := range p {
		p[i] = subQ(p[i], mulQ(a[i], b[i]))
	}
}

// unpack reads coefficients of width bits, the least significant bit first (FIPS
// 204, Algorithm 18).
func (p *poly) unpack(b []byte, width int) {
	var held uint64
	n := 0
	for i := range p {
		for ; n < width; n += 8 {
			held |= uint64(b[0]) << n
			b = b[1:]
		}
		p[i] = uint32(held & (1<<width - 1)) //nolint:gosec // width is at most 20
		held >>= width
		n -= width
	}
}

// appendPacked is the inverse of unpack (FIPS 204, Algorithm 16).
func (p *poly) appendPacked(b []byte, width int) []byte {
	var held uint64
	n := 0
	for _, c := range p {
		held |= uint64(c) << n
		for n += width; n >= 8; n -= 8 {
			b = append(b, byte(held))
			held >>= 8
		}
	}
	return b
}

// rejectionSample draws a transform from a seed and its place in the matrix (FIPS
// 204, Algorithms 14, 30 and 32).
func (p *poly) rejectionSample(rho []byte, row, column int) {
	g := sha3.NewSHAKE128()
	_, _ = g.Write(append(append([]byte(nil), rho...), byte(column), byte(row))) //nolint:gosec // both are below 8
	var block [168]byte                                                          // the rate of SHAKE128, whole threes
	for i := 0; i < ringN; {
		_, _ = g.Read(block[:])
		for b := block[:]; len(b) > 0 && i < ringN; b = b[3:] {
			if c := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2]&0x7f)<<16; c < ringQ {
				p[i] = c
				i++
			}
		}
	}
}

// sampleInBall draws a polynomial with tau coefficients of 1 or -1 and zeros (FIPS
// 204, Algorithm 29).
func (p *poly) sampleInBall(seed []byte, tau int) {
	h := sha3.NewSHAKE256()
	_, _ = h.Write(seed)
	var signs [8]byte
	_, _ = h.Read(signs[:])
	for i := ringN - tau; i < ringN; i++ {
		j := drawUpTo(h, i)
		p[i] = p[j]
		p[j] = 1
		if at := i + tau - ringN; signs[at/8]>>(at%8)&1 == 1 {
			p[j] = ringQ - 1
		}
	}
}

func drawUpTo(h *sha3.SHAKE, limit int) int {
	for {
		var b [1]byte
		_, _ = h.Read(b[:])
		if int(b[0]) <= limit {
			return int(b[0])
		}
	}
}
