package s3

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Limits of uploads in parts (S3 User Guide, "Amazon S3 multipart upload limits").
const (
	maxPartNumber = 10_000
	minPart       = 5 << 20
)

// An upload in parts, begun and neither completed nor aborted. Its version is what the
// object will be; its secret is made at the beginning and seals all parts.
type multipart struct {
	Bucket    string    `cbor:"1,keyasint"`
	Key       string    `cbor:"2,keyasint"`
	ID        string    `cbor:"3,keyasint"`
	Initiated time.Time `cbor:"4,keyasint"`
	Initiator string    `cbor:"5,keyasint"` // ARN
	Version   version   `cbor:"6,keyasint"`
	// Algorithm and Type are the object's checksum; Asked tells that the client chose it.
	Algorithm types.ChecksumAlgorithm `cbor:"7,keyasint"`
	Type      types.ChecksumType      `cbor:"8,keyasint"`
	Asked     bool                    `cbor:"9,keyasint,omitempty"`
}

// A part is one that has been uploaded.
type part struct {
	Upload   string    `cbor:"1,keyasint"`
	Number   int       `cbor:"2,keyasint"`
	Body     body      `cbor:"3,keyasint"`
	Size     int64     `cbor:"4,keyasint"`
	ETag     string    `cbor:"5,keyasint"`
	Checksum string    `cbor:"6,keyasint"`
	Modified time.Time `cbor:"7,keyasint"`
	// Algorithm is the upload's, or the part's own where none was chosen for the upload.
	Algorithm types.ChecksumAlgorithm `cbor:"8,keyasint"`
}

var (
	uploads = store.NewTable("s3.upload",
		func(u *multipart) store.Key { return store.K(u.Bucket, u.Key, u.ID) }, store.Unwatched[multipart]())
	parts = store.NewTable("s3.part",
		func(p *part) store.Key { return store.K(p.Upload, p.Number) }, store.Unwatched[part]())
)

func noSuchUpload(id string) error {
	return refuse(http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
		wire.Detail{Name: "UploadId", Value: id})
}

func (s *Service) onCreateUpload(ctx context.Context, in *s3.CreateMultipartUploadInput) (authz.Target, error) {
	q := &requested{
		acl: string(in.ACL), encryption: uploadEncryption(in), class: string(in.StorageClass), tagging: in.Tagging,
		grants:   grantHeaders{full: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		redirect: in.WebsiteRedirectLocation,
		lock:     description{mode: in.ObjectLockMode, until: in.ObjectLockRetainUntilDate, hold: in.ObjectLockLegalHoldStatus},
	}
	t, err := s.onObject(ctx, actionPut, objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, requested: q})
	q.besides(&t)
	return t, err
}

func uploadEncryption(in *s3.CreateMultipartUploadInput) encryption {
	return encryption{
		algorithm: in.ServerSideEncryption, keyID: in.SSEKMSKeyId, context: in.SSEKMSEncryptionContext, bucketKey: in.BucketKeyEnabled,
		customer: customerKey{algorithm: in.SSECustomerAlgorithm, key: in.SSECustomerKey, md5: in.SSECustomerKeyMD5},
	}
}

// CreateMultipartUpload begins an object that comes in parts.
func (s *Service) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput) (*s3.CreateMultipartUploadOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	u := &multipart{Bucket: h.id(), Key: *in.Key, ID: newUploadID(), Initiator: wire.CallFrom(ctx).Principal.ARN, Asked: in.ChecksumAlgorithm != ""}
	if u.Algorithm, u.Type, err = uploadChecksum(in); err != nil {
		return nil, err
	}
	v, err := s.draftUpload(ctx, h, in)
	if err != nil {
		return nil, err
	}
	q, _, err := s.seal(ctx, h, v.Key, uploadEncryption(in))
	if err != nil {
		return nil, err
	}
	v.Sealing = *q
	u.Version = *v
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := openSettings(tx, h.bucket); err != nil {
			return err
		}
		u.Initiated = tx.Now()
		return uploads.Add(tx, u)
	})
	if err != nil {
		return nil, err
	}
	e := q.answer()
	out := &s3.CreateMultipartUploadOutput{
		Bucket: in.Bucket, Key: in.Key, UploadId: &u.ID,
		ServerSideEncryption: e.algorithm, SSEKMSKeyId: e.keyID, SSEKMSEncryptionContext: e.context, BucketKeyEnabled: e.bucketKey,
		SSECustomerAlgorithm: e.customerAlgorithm, SSECustomerKeyMD5: e.customerMD5,
	}
	if u.Asked {
		out.ChecksumAlgorithm, out.ChecksumType = u.Algorithm, u.Type
	}
	return out, nil
}

func newUploadID() string {
	var b [48]byte
	rand.Read(b[:]) //nolint:errcheck // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// draftUpload makes the version of what CreateMultipartUpload says of the object.
func (s *Service) draftUpload(ctx context.Context, h *held, in *s3.CreateMultipartUploadInput) (*version, error) {
	if err := checkKey(*in.Key); err != nil {
		return nil, err
	}
	v := &version{
		Bucket: h.id(), Key: *in.Key, Metadata: lowered(in.Metadata), Class: in.StorageClass,
		Headers: headers{
			CacheControl: aws.ToString(in.CacheControl), ContentDisposition: aws.ToString(in.ContentDisposition),
			ContentEncoding: withoutChunked(in.ContentEncoding), ContentLanguage: aws.ToString(in.ContentLanguage),
			ContentType: aws.ToString(in.ContentType), Redirect: aws.ToString(in.WebsiteRedirectLocation), Expires: aws.ToTime(in.Expires),
		},
	}
	return v, s.describe(ctx, h, v, description{
		tagging: in.Tagging, acl: in.ACL,
		grants: grantHeaders{full: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		mode:   in.ObjectLockMode, until: in.ObjectLockRetainUntilDate, hold: in.ObjectLockLegalHoldStatus,
	})
}

// uploadChecksum is what the object will be checked by: of each algorithm the type that
// it can have (S3 User Guide, "Checking object integrity", multipart uploads).
func uploadChecksum(in *s3.CreateMultipartUploadInput) (types.ChecksumAlgorithm, types.ChecksumType, error) {
	a, kind := in.ChecksumAlgorithm, in.ChecksumType
	if a == "" {
		if kind != "" {
			return a, kind, fail("InvalidRequest", "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return defaultChecksum, types.ChecksumTypeFullObject, nil
	}
	if newHash(a) == nil {
		return a, kind, refuse(http.StatusNotImplemented, "NotImplemented", "The checksum algorithm "+string(a)+" is not implemented.")
	}
	combines := polynomial(a) != nil
	switch {
	case kind == "" && a == types.ChecksumAlgorithmCrc64nvme:
		kind = types.ChecksumTypeFullObject
	case kind == "":
		kind = types.ChecksumTypeComposite
	case kind == types.ChecksumTypeFullObject && !combines, kind == types.ChecksumTypeComposite && a == types.ChecksumAlgorithmCrc64nvme:
		return a, kind, fail("InvalidRequest", "The "+string(kind)+" checksum type cannot be used with the "+string(a)+" checksum algorithm.")
	}
	return a, kind, nil
}

// findUpload reads an upload, or fails with NoSuchUpload.
func findUpload(tx *store.Tx, h *held, key, id string) (*multipart, error) {
	u, err := uploads.Get(tx, h.id(), key, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuchUpload(id)
	}
	return u, err
}

func (s *Service) upload(ctx context.Context, h *held, key, id string) (u *multipart, err error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		u, err = findUpload(tx, h, key, id)
		return err
	})
	return u, err
}
