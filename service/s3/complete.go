package s3

import (
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // an ETag is one
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

func (s *Service) onComplete(ctx context.Context, in *s3.CompleteMultipartUploadInput) (authz.Target, error) {
	q := &requested{match: in.IfMatch, noneMatch: in.IfNoneMatch}
	return s.onObject(ctx, actionPut, objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, requested: q})
}

// CompleteMultipartUpload makes an object of an upload's parts, in one transaction and
// without moving a byte.
func (s *Service) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (*s3.CompleteMultipartUploadOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	u, err := s.upload(ctx, h, *in.Key, *in.UploadId)
	if err != nil {
		return nil, err
	}
	chosen, err := s.choose(ctx, u, in.MultipartUpload)
	if err != nil {
		return nil, err
	}
	v := u.Version
	v.Body = body{ID: blob.NewID(s.clock.Now()), Parts: len(chosen)}
	if err := assemble(&v, u, chosen); err != nil {
		return nil, err
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != v.Size {
		return nil, fail("InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was computed.")
	}
	if err := checkWhole(in, &v); err != nil {
		return nil, err
	}
	a := &arrival{
		bucket: h.bucket, version: &v, event: createdUpload, conditions: conditions{match: in.IfMatch, noneMatch: in.IfNoneMatch},
		also: func(tx *store.Tx) error { return finish(tx, h, u, &v, chosen) },
	}
	if err := s.commit(ctx, a); err != nil {
		return nil, err
	}
	s.changed()
	return completeOutput(in, a), nil
}

func completeOutput(in *s3.CompleteMultipartUploadInput, a *arrival) *s3.CompleteMultipartUploadOutput {
	v := a.version
	c, e := v.Checksum.members(), v.Sealing.answer()
	return &s3.CompleteMultipartUploadOutput{
		Bucket: in.Bucket, Key: in.Key, ETag: quoted(v.ETag), VersionId: v.answerID(a.settings), Location: aws.String("/" + *in.Bucket + "/" + *in.Key),
		ServerSideEncryption: e.algorithm, SSEKMSKeyId: e.keyID, BucketKeyEnabled: e.bucketKey, ChecksumType: v.Checksum.Type,
		ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme, ChecksumSHA1: c.sha1,
		ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5, ChecksumXXHASH64: c.xxhash64,
	}
}

// choose reads the parts that the client names, and holds them to what it says of them.
func (s *Service) choose(ctx context.Context, u *multipart, list *types.CompletedMultipartUpload) ([]*part, error) {
	if list == nil || len(list.Parts) == 0 || len(list.Parts) > maxPartNumber {
		return nil, fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	there := map[int]*part{}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		clear(there)
		for p, err := range parts.Scan(tx, store.Range{Prefix: store.K(u.ID)}) {
			if err != nil {
				return err
			}
			there[p.Number] = p
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	byNumber := func(a, b types.CompletedPart) int {
		return cmp.Compare(aws.ToInt32(a.PartNumber), aws.ToInt32(b.PartNumber))
	}
	for i := range list.Parts[1:] {
		if byNumber(list.Parts[i], list.Parts[i+1]) >= 0 {
			return nil, fail("InvalidPartOrder", "The list of parts was not in ascending order. The parts list must be specified in order by part number.")
		}
	}
	return u.pick(there, list.Parts)
}

// pick is choose once the parts that are there are known, and the list is in order.
func (u *multipart) pick(there map[int]*part, list []types.CompletedPart) ([]*part, error) {
	var out []*part
	for i := range list {
		c := &list[i]
		number := int(aws.ToInt32(c.PartNumber))
		p := there[number]
		if p == nil || !matches(aws.ToString(c.ETag), p.ETag) {
			return nil, invalidPart(u, number, aws.ToString(c.ETag))
		}
		if err := u.checkPart(p, c); err != nil {
			return nil, err
		}
		if p.Size < minPart && i < len(list)-1 {
			return nil, refuse(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
				wire.Detail{Name: "ProposedSize", Value: strconv.FormatInt(p.Size, 10)}, wire.Detail{Name: "MinSizeAllowed", Value: strconv.Itoa(minPart)},
				wire.Detail{Name: "PartNumber", Value: strconv.Itoa(number)}, wire.Detail{Name: "ETag", Value: p.ETag})
		}
		out = append(out, p)
	}
	return out, nil
}

func invalidPart(u *multipart, number int, etag string) error {
	return refuse(http.StatusBadRequest, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
		wire.Detail{Name: "UploadId", Value: u.ID}, wire.Detail{Name: "PartNumber", Value: strconv.Itoa(number)}, wire.Detail{Name: "ETag", Value: strings.Trim(etag, `"`)})
}

// checkPart holds a part to the checksum that the client says it has.
func (u *multipart) checkPart(p *part, c *types.CompletedPart) error {
	given := checksums{
		crc32: c.ChecksumCRC32, crc32c: c.ChecksumCRC32C, crc64nvme: c.ChecksumCRC64NVME, sha1: c.ChecksumSHA1,
		sha256: c.ChecksumSHA256, sha512: c.ChecksumSHA512, md5: c.ChecksumMD5, xxhash64: c.ChecksumXXHASH64,
	}
	for a, value := range given.all() {
		if *value != nil && a == p.Algorithm && **value != p.Checksum {
			return invalidPart(u, p.Number, aws.ToString(c.ETag))
		}
	}
	return nil
}

// assemble fills in what the object is by its parts: its size, its ETag, its checksum.
func assemble(v *version, u *multipart, chosen []*part) error {
	var etags []byte
	for _, p := range chosen {
		v.Size += p.Size
		b, err := hex.DecodeString(p.ETag)
		if err != nil {
			return fmt.Errorf("the ETag of part %d of an upload: %w", p.Number, err)
		}
		etags = append(etags, b...)
	}
	sum := md5.Sum(etags) //nolint:gosec // an ETag is one
	v.ETag = hex.EncodeToString(sum[:]) + "-" + strconv.Itoa(len(chosen))
	if slices.ContainsFunc(chosen, func(p *part) bool { return p.Algorithm != u.Algorithm }) {
		return nil // parts were checked by another algorithm than the upload's own
	}
	v.Checksum = checksum{Algorithm: u.Algorithm, Type: u.Type}
	if u.Type == types.ChecksumTypeFullObject {
		v.Checksum.Value = combined(u.Algorithm, chosen)
		return nil
	}
	h := newHash(u.Algorithm)
	for _, p := range chosen {
		b, err := base64.StdEncoding.DecodeString(p.Checksum)
		if err != nil {
			return fmt.Errorf("the checksum of part %d of an upload: %w", p.Number, err)
		}
		h.Write(b)
	}
	v.Checksum.Value = base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(chosen))
	return nil
}

// checkWhole holds the object to the checksum that the client says the whole has.
func checkWhole(in *s3.CompleteMultipartUploadInput, v *version) error {
	given := checksums{
		crc32: in.ChecksumCRC32, crc32c: in.ChecksumCRC32C, crc64nvme: in.ChecksumCRC64NVME, sha1: in.ChecksumSHA1,
		sha256: in.ChecksumSHA256, sha512: in.ChecksumSHA512, md5: in.ChecksumMD5, xxhash64: in.ChecksumXXHASH64,
	}
	for a, value := range given.all() {
		if *value == nil {
			continue
		}
		if a != v.Checksum.Algorithm || in.ChecksumType != "" && in.ChecksumType != v.Checksum.Type {
			return fail("InvalidRequest", "The upload was created using the "+string(v.Checksum.Algorithm)+" checksum algorithm and the "+string(v.Checksum.Type)+" checksum type. The complete request must use the same.")
		}
		if **value != v.Checksum.Value {
			return fail("BadDigest", "The "+string(a)+" you specified did not match the calculated checksum.")
		}
	}
	return nil
}

// finish writes the object's manifest and ends the upload. What of its parts the object
// doesn't take is let go of later: they may be more than one transaction can take.
func finish(tx *store.Tx, h *held, u *multipart, v *version, chosen []*part) error {
	if _, err := findUpload(tx, h, u.Key, u.ID); err != nil {
		return err
	}
	row := 0
	for group := range slices.Chunk(chosen, manifestStep) {
		m := &manifest{ID: v.Body.ID, Row: row}
		for _, p := range group {
			m.Parts = append(m.Parts, manifestPart{Number: p.Number, Body: p.Body, Size: p.Size, Checksum: p.Checksum})
		}
		if err := manifests.Add(tx, m); err != nil {
			return err
		}
		row++
	}
	return end(tx, u, v.Body.ID)
}

// end deletes an upload's row and leaves its parts' to the background.
func end(tx *store.Tx, u *multipart, object blob.ID) error {
	if err := uploads.Drop(tx, u.Bucket, u.Key, u.ID); err != nil {
		return err
	}
	return ended.Put(tx, &endedUpload{ID: u.ID, Object: object})
}

func (s *Service) onAbort(ctx context.Context, in *s3.AbortMultipartUploadInput) (authz.Target, error) {
	return s.onObject(ctx, "s3:AbortMultipartUpload", objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key})
}

// AbortMultipartUpload ends an upload and lets go of its parts.
func (s *Service) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) (*s3.AbortMultipartUploadOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		u, err := findUpload(tx, h, *in.Key, *in.UploadId)
		if err != nil {
			return err
		}
		if in.IfMatchInitiatedTime != nil && !in.IfMatchInitiatedTime.Equal(u.Initiated.Truncate(1e9)) {
			return preconditionFailed("x-amz-if-match-initiated-time")
		}
		return end(tx, u, blob.ID{})
	})
	if err != nil {
		return nil, err
	}
	s.changed()
	return &s3.AbortMultipartUploadOutput{}, nil
}

// abandon aborts all uploads into a bucket that is gone.
func (s *Service) abandon(ctx context.Context, b *bucket) error {
	for {
		n := 0
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			list, err := store.Collect(uploads.Scan(tx, store.Range{Prefix: store.K(b.id()), Limit: manifestStep}))
			n = len(list)
			for _, u := range list {
				err = errors.Join(err, end(tx, u, blob.ID{}))
			}
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		s.changed()
	}
}
