package s3

import (
	"context"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

// maxKeys is the most entries of one page, and how many it has where the caller
// doesn't say.
const (
	maxKeys      = 1000
	objectsToken = "s3.ListObjectsV2"
)

// A listing is what any of the lists of keys is asked for.
type listing struct {
	bucket, prefix, delimiter string
	after                     string // keys up to it are passed over
	limit                     int
}

// A listed is a page: versions, and prefixes that stand for all keys behind them.
type listed struct {
	versions []*version
	prefixes []string
	last     string // key or prefix that the next page comes after
	more     bool
}

func (l *listed) size() int { return len(l.versions) + len(l.prefixes) }

// limitOf holds max-keys to the page's size.
func limitOf(n *int32) (int, error) {
	if n == nil {
		return maxKeys, nil
	}
	if *n < 0 {
		return 0, fail("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
	}
	return min(int(*n), maxKeys), nil
}

// objectsIn lists the keys that have an object. What a delimiter puts together is
// passed over by one step, however many keys it are.
func objectsIn(tx *store.Tx, l *listing) (*listed, error) {
	out := &listed{last: l.after}
	if l.limit == 0 {
		return out, nil
	}
	from := l.start()
	for from != nil {
		var err error
		if from, err = l.stretch(tx, from, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// start is the first key of interest.
func (l *listing) start() store.Key {
	if l.after == "" || l.after < l.prefix {
		return store.K(l.bucket, l.prefix)
	}
	if p := l.common(l.after); p != "" && l.after == p {
		return l.past(p)
	}
	return store.K(l.bucket, l.after+"\x00")
}

// common is the prefix that a key is listed under, or empty.
func (l *listing) common(key string) string {
	if l.delimiter == "" || !strings.HasPrefix(key, l.prefix) {
		return ""
	}
	i := strings.Index(key[len(l.prefix):], l.delimiter)
	if i < 0 {
		return ""
	}
	return key[:len(l.prefix)+i+len(l.delimiter)]
}

// past is the first key behind all that begin with a prefix; nil if there is none.
func (l *listing) past(prefix string) store.Key {
	b := []byte(prefix)
	for len(b) > 0 && b[len(b)-1] == 0xff {
		b = b[:len(b)-1]
	}
	if len(b) == 0 {
		return nil
	}
	b[len(b)-1]++
	return store.K(l.bucket, string(b))
}

// stretch lists up to the next common prefix, and returns where to go on, nil for the
// page's end.
func (l *listing) stretch(tx *store.Tx, from store.Key, out *listed) (store.Key, error) {
	for v, err := range objects.Scan(tx, store.Range{Prefix: store.KPrefix(l.bucket, l.prefix), From: from}) {
		if err != nil {
			return nil, err
		}
		if v.Marker {
			continue
		}
		if out.size() == l.limit {
			out.more = true
			return nil, nil
		}
		if p := l.common(v.Key); p != "" {
			out.prefixes, out.last = append(out.prefixes, p), p
			return l.past(p), nil
		}
		out.versions, out.last = append(out.versions, v), v.Key
	}
	return nil, nil
}

// ListObjectsV2 lists a bucket's objects by their keys.
func (s *Service) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	limit, err := limitOf(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	l := &listing{prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.StartAfter), limit: limit}
	if in.ContinuationToken != nil {
		after, err := page.Position(objectsToken, *in.ContinuationToken)
		if err != nil {
			return nil, fail("InvalidArgument", "The continuation token provided is incorrect")
		}
		l.after = string(after)
	}
	got, h, err := s.list(ctx, *in.Bucket, l)
	if err != nil {
		return nil, err
	}
	e := encoder(in.EncodingType)
	out := &s3.ListObjectsV2Output{
		Name: in.Bucket, Prefix: e.text(l.prefix), Delimiter: e.optional(in.Delimiter), StartAfter: e.optional(in.StartAfter),
		MaxKeys: aws.Int32(int32(limit)), KeyCount: aws.Int32(int32(got.size())), //nolint:gosec // at most 1,000
		IsTruncated: &got.more, EncodingType: in.EncodingType, ContinuationToken: in.ContinuationToken,
		CommonPrefixes: e.prefixes(got.prefixes),
	}
	if got.more {
		out.NextContinuationToken = aws.String(page.Token(objectsToken, []byte(got.last)))
	}
	for _, v := range got.versions {
		o := e.object(v)
		if aws.ToBool(in.FetchOwner) {
			o.Owner = h.owner(v)
		}
		out.Contents = append(out.Contents, o)
	}
	return out, nil
}

// ListObjects is the older way to list a bucket's objects.
func (s *Service) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (*s3.ListObjectsOutput, error) {
	limit, err := limitOf(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	l := &listing{prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.Marker), limit: limit}
	got, h, err := s.list(ctx, *in.Bucket, l)
	if err != nil {
		return nil, err
	}
	e := encoder(in.EncodingType)
	out := &s3.ListObjectsOutput{
		Name: in.Bucket, Prefix: e.text(l.prefix), Delimiter: e.optional(in.Delimiter), Marker: e.text(l.after),
		MaxKeys: aws.Int32(int32(limit)), IsTruncated: &got.more, EncodingType: in.EncodingType, //nolint:gosec // at most 1,000
		CommonPrefixes: e.prefixes(got.prefixes),
	}
	if got.more && l.delimiter != "" { // S3 says it with a delimiter only; without, it is the last key
		out.NextMarker = e.text(got.last)
	}
	for _, v := range got.versions {
		o := e.object(v)
		o.Owner = h.owner(v)
		out.Contents = append(out.Contents, o)
	}
	return out, nil
}

func (s *Service) list(ctx context.Context, bucket string, l *listing) (*listed, *held, error) {
	h, err := s.hold(ctx, bucket)
	if err != nil {
		return nil, nil, err
	}
	l.bucket = h.id()
	var got *listed
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		got, err = objectsIn(tx, l)
		return err
	})
	return got, h, err
}

func (h *held) owner(v *version) *types.Owner {
	return &types.Owner{ID: aws.String(canonicalID(v.Owner))}
}

// An encoder writes keys as a list's caller wants them: XML can't say all of them.
type encoder types.EncodingType

func (e encoder) encode(s string) string {
	if types.EncodingType(e) != types.EncodingTypeUrl {
		return s
	}
	return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")
}

func (e encoder) text(s string) *string { return aws.String(e.encode(s)) }

func (e encoder) optional(s *string) *string {
	if s == nil {
		return nil
	}
	return e.text(*s)
}

func (e encoder) prefixes(list []string) []types.CommonPrefix {
	var out []types.CommonPrefix
	for _, p := range list {
		out = append(out, types.CommonPrefix{Prefix: e.text(p)})
	}
	return out
}

func (e encoder) object(v *version) types.Object {
	o := types.Object{
		Key: e.text(v.Key), ETag: quoted(v.ETag), Size: &v.Size, LastModified: &v.Modified,
		StorageClass: types.ObjectStorageClass(v.class()),
	}
	if v.Checksum.Algorithm != "" {
		o.ChecksumAlgorithm, o.ChecksumType = []types.ChecksumAlgorithm{v.Checksum.Algorithm}, v.Checksum.Type
	}
	return o
}
