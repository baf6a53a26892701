package s3

import (
	"net/http"
	"time"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// readConditions are those of a read (RFC 9110, 13; S3 API Reference, GetObject).
type readConditions struct {
	match, noneMatch *string
	since, notSince  *time.Time
}

func (c readConditions) check(v *version) error {
	modified := v.Modified.Truncate(time.Second)
	switch {
	case c.match != nil && !matches(*c.match, v.ETag):
		return preconditionFailed("If-Match")
	case c.match == nil && c.notSince != nil && modified.After(*c.notSince):
		return preconditionFailed("If-Unmodified-Since")
	case c.noneMatch != nil && matches(*c.noneMatch, v.ETag):
		return notModified(v)
	case c.noneMatch == nil && c.since != nil && !modified.After(*c.since):
		return notModified(v)
	}
	return nil
}

func notModified(v *version) error {
	return &wire.Error{
		Code: "NotModified", Message: "Not Modified", Status: http.StatusNotModified,
		Header: http.Header{"Etag": {*quoted(v.ETag)}, "Last-Modified": {v.Modified.UTC().Format(http.TimeFormat)}},
	}
}
