package s3

import (
	"context"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// ListObjectVersions lists all versions and delete markers, by key and the newest of
// each first.
func (s *Service) ListObjectVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (*s3.ListObjectVersionsOutput, error) {
	limit, err := limitOf(in.MaxKeys)
	if err != nil {
		return nil, err
	}
	if in.VersionIdMarker != nil && *in.VersionIdMarker != "" && aws.ToString(in.KeyMarker) == "" {
		return nil, argument("version-id-marker", *in.VersionIdMarker, "A version-id marker cannot be specified without a key marker.")
	}
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	l := &versionListing{
		listing: listing{bucket: h.id(), prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.KeyMarker), limit: limit},
		marker:  aws.ToString(in.VersionIdMarker),
	}
	var got *listed
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		got, err = l.run(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return versionsOutput(h, in, l, got), nil
}

func versionsOutput(h *held, in *s3.ListObjectVersionsInput, l *versionListing, got *listed) *s3.ListObjectVersionsOutput {
	e := encoder(in.EncodingType)
	out := &s3.ListObjectVersionsOutput{
		Name: in.Bucket, Prefix: e.text(l.prefix), Delimiter: e.optional(in.Delimiter), KeyMarker: e.text(l.after),
		VersionIdMarker: aws.String(l.marker), MaxKeys: aws.Int32(int32(l.limit)), IsTruncated: &got.more, //nolint:gosec // at most 1,000
		EncodingType: in.EncodingType, CommonPrefixes: e.prefixes(got.prefixes),
	}
	if got.more {
		out.NextKeyMarker = e.text(got.last)
		if l.last != nil && l.last.Key == got.last {
			out.NextVersionIdMarker = aws.String(l.last.name())
		}
	}
	for _, v := range got.versions {
		latest := aws.Bool(l.latest[v])
		if v.Marker {
			out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
				Key: e.text(v.Key), VersionId: aws.String(v.name()), IsLatest: latest, LastModified: &v.Modified, Owner: h.owner(v),
			})
			continue
		}
		o := types.ObjectVersion{
			Key: e.text(v.Key), VersionId: aws.String(v.name()), IsLatest: latest, LastModified: &v.Modified, Owner: h.owner(v),
			ETag: quoted(v.ETag), Size: &v.Size, StorageClass: types.ObjectVersionStorageClass(v.class()),
		}
		if v.Checksum.Algorithm != "" {
			o.ChecksumAlgorithm, o.ChecksumType = []types.ChecksumAlgorithm{v.Checksum.Algorithm}, v.Checksum.Type
		}
		out.Versions = append(out.Versions, o)
	}
	return out
}

// A versionListing lists the newest versions and the others as one row.
type versionListing struct {
	listing
	marker string // id of the version of the key "after" that the page comes after

	last   *version
	latest map[*version]bool
}

func (l *versionListing) run(tx *store.Tx) (*listed, error) {
	out := &listed{last: l.after}
	l.latest = map[*version]bool{}
	if l.limit == 0 {
		return out, nil
	}
	from := l.start()
	if l.marker != "" {
		from = store.K(l.bucket, l.after)
	}
	for from != nil {
		var err error
		if from, err = l.stretch(tx, from, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// stretch is listing.stretch over all versions.
func (l *versionListing) stretch(tx *store.Tx, from store.Key, out *listed) (store.Key, error) {
	r := store.Range{Prefix: store.KPrefix(l.bucket, l.prefix), From: from}
	passed := l.marker == ""
	for v, err := range merged(objects.Scan(tx, r), versions.Scan(tx, r), l.latest) {
		if err != nil {
			return nil, err
		}
		if !passed && v.Key == l.after {
			passed = v.name() == l.marker
			continue
		}
		passed = true
		if out.size() == l.limit {
			out.more = true
			return nil, nil
		}
		if p := l.common(v.Key); p != "" {
			out.prefixes, out.last, l.last = append(out.prefixes, p), p, nil
			return l.past(p), nil
		}
		out.versions, out.last, l.last = append(out.versions, v), v.Key, v
	}
	return nil, nil
}

// merged yields the newest version of each key and then its others. Both sequences are
// by key; it notes which are the newest.
func merged(newest, others iter.Seq2[*version, error], latest map[*version]bool) iter.Seq2[*version, error] {
	return func(yield func(*version, error) bool) {
		next, stop := iter.Pull2(others)
		defer stop()
		other, err, ok := next()
		// drain yields the others up to a key, itself included if it has just been yielded.
		drain := func(key string, all bool) bool {
			for ok && (all || strings.Compare(other.keyOr(key), key) <= 0) {
				if !yield(other, err) || err != nil {
					return false
				}
				other, err, ok = next()
			}
			return true
		}
		for v, e := range newest {
			if e != nil {
				yield(nil, e)
				return
			}
			latest[v] = true
			if !yield(v, nil) || !drain(v.Key, false) {
				return
			}
		}
		drain("", true)
	}
}

// keyOr is the version's key; an error, which has no version, comes at once.
func (v *version) keyOr(key string) string {
	if v == nil {
		return key
	}
	return v.Key
}
