package s3

import (
	"strings"
	"unicode/utf8"
)

// Limits of an object's tags (S3 User Guide, "Categorizing your objects using tags").
const (
	maxObjectTags = 10
	maxTagKey     = 128
	maxTagValue   = 256
)

func checkObjectTags(tags []tag) error {
	if len(tags) > maxObjectTags {
		return fail("BadRequest", "Object tags cannot be greater than 10")
	}
	return checkTags(tags)
}

// checkTags holds tags to the rules that all have in common.
func checkTags(tags []tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey:
			return fail("InvalidTag", "The TagKey you have provided is invalid")
		case strings.HasPrefix(t.Key, "aws:"):
			return fail("InvalidTag", "System tags cannot be added/updated by requester")
		case utf8.RuneCountInString(t.Value) > maxTagValue:
			return fail("InvalidTag", "The TagValue you have provided is invalid")
		case seen[t.Key]:
			return fail("InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		seen[t.Key] = true
	}
	return nil
}
