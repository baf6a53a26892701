package s3

import "time"

// lockFor is the lock of a version that is put: the request's, or the bucket's default.
func (s *settings) lockFor(d description, now time.Time) (lock, error) { return lock{}, nil }
