package s3

// expiration is x-amz-expiration of a version that a rule will delete.
func (s *settings) expiration(*version) *string { return nil }
