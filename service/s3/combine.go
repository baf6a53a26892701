package s3

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A crc is a cyclic redundancy check of whose parts' sums the whole's can be made.
type crc struct {
	poly  uint64 // reflected
	width int    // bytes
}

// polynomial returns the CRC of an algorithm, nil for what is none.
func polynomial(a types.ChecksumAlgorithm) *crc {
	switch a {
	case types.ChecksumAlgorithmCrc32:
		return &crc{crc32.IEEE, 4}
	case types.ChecksumAlgorithmCrc32c:
		return &crc{crc32.Castagnoli, 4}
	case types.ChecksumAlgorithmCrc64nvme:
		return &crc{0x9a6c9329ac4bc9b5, 8} // NVM Express, "64b CRC", reflected
	default:
		return nil
	}
}

// combined is the sum of a whole, by the sums of its parts.
func combined(a types.ChecksumAlgorithm, list []*part) string {
	c := polynomial(a)
	var sum uint64
	for _, p := range list {
		b, err := base64.StdEncoding.DecodeString(p.Checksum)
		if err != nil || len(b) != c.width {
			return "" // a row of ours always has one
		}
		sum = c.shift(sum, p.Size) ^ c.value(b)
	}
	out := make([]byte, 8)
	binary.BigEndian.PutUint64(out, sum)
	return base64.StdEncoding.EncodeToString(out[8-c.width:])
}

func (c *crc) value(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

// shift is a sum after n zero bytes: multiplied by x to the power 8n, in the field of
// the polynomial (Adler, "crc32_combine").
func (c *crc) shift(sum uint64, n int64) uint64 {
	power := c.multiply(c.x(1), c.x(7)) // x to the power 8
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			sum = c.multiply(sum, power)
		}
		power = c.multiply(power, power)
	}
	return sum
}

// x is the polynomial x to the power n, reflected.
func (c *crc) x(n int) uint64 { return 1 << (8*c.width - 1 - n) }

// multiply multiplies two reflected polynomials.
func (c *crc) multiply(a, b uint64) (product uint64) {
	for bit := c.x(0); bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= c.poly
		}
	}
	return product
}
