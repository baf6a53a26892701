// Package remote keeps bodies in a bucket of a server that speaks S3. It needs little of
// it: put whole or by parts, get by ranges, copy, delete. What it puts is sealed, so the
// server learns sizes and times alone.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/garrison-cloud/garrison/internal/blob"
)

// partSize is what is held in memory of a body on its way; longer ones go by parts.
const partSize = 16 << 20

const quarantine = "quarantine"

// Config says where the bodies are.
type Config struct {
	Endpoint string // URL of the server: http or https, host and port
	Region   string
	Bucket   string // it must be there
	Prefix   string // of all names; empty or without a slash at its end
	// AccessKeyID and the others are the server's credentials; SessionToken may be empty.
	AccessKeyID, SecretAccessKey, SessionToken string
}

// errURL shows what the flag looks like.
var errURL = errors.New("bodies in a bucket are named by s3://BUCKET[/PREFIX]?endpoint=URL[&region=REGION]")

// Parse reads s3://BUCKET/PREFIX?endpoint=URL&region=REGION. The credentials are those
// of the environment, as for any client of AWS: AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY, with AWS_SESSION_TOKEN.
func Parse(text string) (*Config, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil {
		return nil, errURL
	}
	c := &Config{
		Endpoint: u.Query().Get("endpoint"), Region: u.Query().Get("region"), Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"),
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
	}
	if c.Endpoint == "" {
		return nil, errURL
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return nil, errors.New("bodies in a bucket need AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	return c, nil
}

// A Remote is a blob.Store in a bucket.
type Remote struct {
	core   minio.Core
	bucket string
	prefix string
}

var _ blob.Store = (*Remote)(nil)

// Open returns the Store of a room, whose bodies have names of their own. It fails if the
// bucket can't be reached.
func Open(ctx context.Context, c *Config, room string) (*Remote, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errURL
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		Secure: u.Scheme == "https", Region: c.Region, BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return nil, fmt.Errorf("bodies in %s: %w", c.Endpoint, err)
	}
	switch there, err := client.BucketExists(ctx, c.Bucket); {
	case err != nil:
		return nil, fmt.Errorf("bodies in the bucket %s of %s: %w", c.Bucket, c.Endpoint, err)
	case !there:
		return nil, fmt.Errorf("bodies in the bucket %s of %s: there is no such bucket; create it first", c.Bucket, c.Endpoint)
	}
	return &Remote{core: minio.Core{Client: client}, bucket: c.Bucket, prefix: path.Join(c.Prefix, room)}, nil
}

func (r *Remote) name(id blob.ID) string {
	s := id.String()
	return path.Join(r.prefix, s[len(s)-2:], s)
}

// Create implements blob.Store.
func (r *Remote) Create(ctx context.Context, id blob.ID) (blob.Writer, error) {
	return &writer{of: r, ctx: ctx, name: r.name(id)}, nil
}

// Open implements blob.Store.
func (r *Remote) Open(ctx context.Context, id blob.ID, off, n int64) (io.ReadCloser, error) {
	if n == 0 {
		return http.NoBody, nil
	}
	var o minio.GetObjectOptions
	last := int64(0) // to the end
	if n > 0 {
		last = off + n - 1
	}
	if off > 0 || n > 0 {
		if err := o.SetRange(off, last); err != nil {
			return nil, err
		}
	}
	body, _, _, err := r.core.GetObject(ctx, r.bucket, r.name(id), o)
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, blob.ErrNotFound
	}
	return body, err
}

// Delete implements blob.Store.
func (r *Remote) Delete(ctx context.Context, id blob.ID) error {
	return r.core.RemoveObject(ctx, r.bucket, r.name(id), minio.RemoveObjectOptions{})
}

// Quarantine implements blob.Store: the object moves under "quarantine/".
func (r *Remote) Quarantine(ctx context.Context, id blob.ID) error {
	to := minio.CopyDestOptions{Bucket: r.bucket, Object: path.Join(r.prefix, quarantine, id.String())}
	if _, err := r.core.Client.CopyObject(ctx, to, minio.CopySrcOptions{Bucket: r.bucket, Object: r.name(id)}); err != nil {
		return err
	}
	return r.Delete(ctx, id)
}
