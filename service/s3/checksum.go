package s3

import (
	"crypto/md5"  //nolint:gosec // clients choose it
	"crypto/sha1" //nolint:gosec // clients choose it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// A checksum is what an object was checked by when it was put, and can be again by
// whoever gets it.
type checksum struct {
	Algorithm types.ChecksumAlgorithm `cbor:"1,keyasint,omitempty"`
	// Value is in base64; of a composite one, with the number of parts after a dash.
	Value string             `cbor:"2,keyasint,omitempty"`
	Type  types.ChecksumType `cbor:"3,keyasint,omitempty"`
}

// defaultChecksum is what S3 computes where the client asks for nothing (S3 User
// Guide, "Checking object integrity").
const defaultChecksum = types.ChecksumAlgorithmCrc64nvme

// castagnoli is the table of CRC32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// newHash returns the hash of an algorithm, or nil for one that isn't served.
func newHash(a types.ChecksumAlgorithm) hash.Hash {
	switch a {
	case types.ChecksumAlgorithmCrc32:
		return crc32.NewIEEE()
	case types.ChecksumAlgorithmCrc32c:
		return crc32.New(castagnoli)
	case types.ChecksumAlgorithmCrc64nvme:
		return crc64nvme.New()
	case types.ChecksumAlgorithmSha1:
		return sha1.New() //nolint:gosec // clients choose it
	case types.ChecksumAlgorithmSha256:
		return sha256.New()
	case types.ChecksumAlgorithmSha512:
		return sha512.New()
	case types.ChecksumAlgorithmMd5:
		return md5.New() //nolint:gosec // clients choose it
	case types.ChecksumAlgorithmXxhash64:
		return xxhash.New()
	default:
		return nil
	}
}

// checksums are the members of an input or an output, one an algorithm.
type checksums struct {
	crc32, crc32c, crc64nvme, sha1, sha256, sha512, md5, xxhash64 *string
}

// all yields the members with their algorithms.
func (c *checksums) all() map[types.ChecksumAlgorithm]**string {
	return map[types.ChecksumAlgorithm]**string{
		types.ChecksumAlgorithmCrc32: &c.crc32, types.ChecksumAlgorithmCrc32c: &c.crc32c,
		types.ChecksumAlgorithmCrc64nvme: &c.crc64nvme, types.ChecksumAlgorithmSha1: &c.sha1,
		types.ChecksumAlgorithmSha256: &c.sha256, types.ChecksumAlgorithmSha512: &c.sha512,
		types.ChecksumAlgorithmMd5: &c.md5, types.ChecksumAlgorithmXxhash64: &c.xxhash64,
	}
}

// of returns the members for what a version was checked by.
func (c checksum) members() checksums {
	var out checksums
	if c.Algorithm != "" {
		value := c.Value
		*out.all()[c.Algorithm] = &value
	}
	return out
}

// A claim is what a client says of a body's checksum.
type claim struct {
	algorithm types.ChecksumAlgorithm
	value     string // empty: nothing is claimed, or it follows in a trailer
	trailer   bool
}

// claimed reads a client's claim: a header, the name of a trailer, or the algorithm
// alone. It returns false for more than one.
func claimed(given checksums, algorithm types.ChecksumAlgorithm, body any) (claim, error) {
	var c claim
	for a, value := range given.all() {
		if *value == nil {
			continue
		}
		if c.algorithm != "" {
			return c, fail("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		c = claim{algorithm: a, value: **value}
		if sum, err := base64.StdEncoding.DecodeString(c.value); err != nil || len(sum) != newHash(a).Size() {
			return c, fail("InvalidRequest", "Value for x-amz-checksum-"+strings.ToLower(string(a))+" header is invalid.")
		}
	}
	if t, ok := body.(trailing); ok && c.algorithm == "" {
		if a, ok := trailed(t.Expected()); ok {
			c = claim{algorithm: a, trailer: true}
		}
	}
	if c.algorithm == "" && algorithm != "" {
		c.algorithm = algorithm
	}
	if c.algorithm != "" && newHash(c.algorithm) == nil {
		return c, refuse(http.StatusNotImplemented, "NotImplemented", "The checksum algorithm "+string(c.algorithm)+" is not implemented.")
	}
	return c, nil
}

// trailing is a body that headers follow, as sigv4.Body is.
type trailing interface {
	Expected() []string
	Trailer() http.Header
}

const checksumHeader = "x-amz-checksum-"

// trailed returns the algorithm of the first checksum among trailing headers.
func trailed(names []string) (types.ChecksumAlgorithm, bool) {
	for _, name := range names {
		if a, ok := strings.CutPrefix(strings.ToLower(name), checksumHeader); ok {
			return types.ChecksumAlgorithm(strings.ToUpper(a)), true
		}
	}
	return "", false
}

// check holds the sum of a body that has been read to what was claimed of it.
func (c claim) check(body any, sum string) error {
	want := c.value
	if t, ok := body.(trailing); ok && c.trailer {
		want = t.Trailer().Get(checksumHeader + string(c.algorithm))
	}
	if (want != "" || c.trailer) && want != sum {
		return refuse(http.StatusBadRequest, "BadDigest", "The "+string(c.algorithm)+" you specified did not match the calculated checksum.",
			wire.Detail{Name: "ExpectedDigest", Value: want}, wire.Detail{Name: "CalculatedDigest", Value: sum})
	}
	return nil
}
