package seal

import (
	"bytes"
	"crypto/sha3"

	"filippo.io/mldsa"
)

// muVerifier verifies signatures of message representatives: ML-DSA.Verify_internal
// of FIPS 204 §6.3 from step 7 on. The library signs such, but its Verify takes
// messages alone. No secret is involved.
type muVerifier struct {
	lattice
	matrix [][]poly // matrix has k rows and l columns, transformed
	t1     []poly   // t1 is times 2^13, transformed
}

// lattice holds the parameters of FIPS 204 §4, Table 1, that verification needs.
type lattice struct {
	k, l, tau, omega int
	strength         int    // strength is the length of the commitment hash, λ/4 bytes
	zBits            int    // zBits is the width of a packed coefficient of z
	wBits            int    // wBits is the width of a packed coefficient of w1
	gamma1, gamma2   uint32 // gamma1 bounds y, gamma2 is the rounding range
	beta             uint32
}

func latticeOf(p mldsa.Parameters) lattice {
	switch p {
	case mldsa.MLDSA44():
		return lattice{4, 4, 39, 80, 32, 18, 6, 1 << 17, (ringQ - 1) / 88, 78}
	case mldsa.MLDSA65():
		return lattice{6, 5, 49, 55, 48, 20, 4, 1 << 19, (ringQ - 1) / 32, 196}
	default:
		return lattice{8, 7, 60, 75, 64, 20, 4, 1 << 19, (ringQ - 1) / 32, 120}
	}
}

// newMuVerifier decodes a public key (FIPS 204, Algorithm 23) and expands its
// matrix.
func newMuVerifier(public *mldsa.PublicKey) *muVerifier {
	v := &muVerifier{lattice: latticeOf(public.Parameters())}
	encoded := public.Bytes()
	rho, packed := encoded[:32], encoded[32:]
	v.matrix, v.t1 = make([][]poly, v.k), make([]poly, v.k)
	for r := range v.matrix {
		v.matrix[r] = make([]poly, v.l)
		for s := range v.matrix[r] {
			v.matrix[r][s].rejectionSample(rho, r, s)
		}
		v.t1[r].unpack(packed[r*320:], 10)
		for i, c := range v.t1[r] {
			v.t1[r][i] = c << 13 // at most 10 + 13 bits, below ringQ
		}
		v.t1[r].ntt()
	}
	return v
}

// verify reports whether signature is one of mu.
func (v *muVerifier) verify(mu, signature []byte) bool {
	if len(signature) != v.strength+v.l*v.zBits*ringN/8+v.omega+v.k {
		return false
	}
	commitment, rest := signature[:v.strength], signature[v.strength:]
	z, ok := v.decodeZ(rest)
	if !ok {
		return false
	}
	hints, ok := v.decodeHints(rest[v.l*v.zBits*ringN/8:])
	if !ok {
		return false
	}
	return bytes.Equal(commitment, v.commit(mu, commitment, z, hints))
}

// commit recomputes the commitment hash from a response (FIPS 204, Algorithm 8,
// steps 8 to 12).
func (v *muVerifier) commit(mu, commitment []byte, z []poly, hints []hint) []byte {
	var c poly
	c.sampleInBall(commitment, v.tau)
	c.ntt()
	h := sha3.NewSHAKE256()
	_, _ = h.Write(mu)
	packed := make([]byte, 0, v.wBits*ringN/8)
	for r := range v.matrix {
		var w poly
		for s := range z {
			w.addProduct(&v.matrix[r][s], &z[s])
		}
		w.subProduct(&c, &v.t1[r])
		w.inverseNTT()
		for i := range w {
			w[i] = v.useHint(w[i], hints[r][i])
		}
		_, _ = h.Write(w.appendPacked(packed, v.wBits))
	}
	out := make([]byte, v.strength)
	_, _ = h.Read(out)
	return out
}

// decodeZ reads the response and transforms it; a coefficient at or over gamma1 -
// beta is refused (FIPS 204, Algorithm 27 and Algorithm 8, step 13).
func (v *muVerifier) decodeZ(b []byte) ([]poly, bool) {
	z := make([]poly, v.l)
	for s := range z {
		z[s].unpack(b[s*v.zBits*ringN/8:], v.zBits)
		for i, packed := range z[s] {
			c := subQ(v.gamma1, packed)
			if min(c, ringQ-c) >= v.gamma1-v.beta {
				return nil, false
			}
			z[s][i] = c
		}
		z[s].ntt()
	}
	return z, true
}

// hint says of each coefficient whether rounding lost a carry.
type hint [ringN]bool

// decodeHints reads positions in rising order and the ends of their rows. Every
// set of hints has one encoding only: others are refused, as a signature must not
// be changed into another (FIPS 204, Algorithm 21).
func (v *muVerifier) decodeHints(b []byte) ([]hint, bool) {
	positions, ends := b[:v.omega], b[v.omega:]
	out := make([]hint, v.k)
	from := 0
	for r := range out {
		to := int(ends[r])
		if to < from || to > v.omega {
			return nil, false
		}
		for i := from; i < to; i++ {
			if i > from && positions[i-1] >= positions[i] {
				return nil, false
			}
			out[r][positions[i]] = true
		}
		from = to
	}
	for _, unused := range positions[from:] {
		if unused != 0 {
			return nil, false
		}
	}
	return out, true
}

// useHint rounds to the high bits, corrected by the hint (FIPS 204, Algorithms 36
// and 40).
func (v *muVerifier) useHint(r uint32, carried bool) uint32 {
	m := (ringQ - 1) / (2 * v.gamma2)
	high := (r + v.gamma2 - 1) / (2 * v.gamma2)
	positive := r > high*2*v.gamma2
	if high == m { // r is in the last half range, which wraps to 0 and below
		high, positive = 0, false
	}
	switch {
	case !carried:
		return high
	case positive:
		return (high + 1) % m
	default:
		return (high + m - 1) % m
	}
}
