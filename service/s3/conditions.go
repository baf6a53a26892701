package s3

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A requested is what a request says, as far as S3's condition keys can ask for it
// (Service Authorization Reference, Amazon S3, "Condition keys"). Headers that aren't
// given have no values.
type requested struct {
	acl             string
	grants          grantHeaders
	encryption      encryption
	class           string
	tagging         *string
	tags            []tag // in a body, in place of tagging
	lock            description
	copySource      *string
	directive       string
	versionID       *string
	prefix, delim   *string
	maxKeys         *int32
	match           *string
	noneMatch       *string
	redirect        *string
	now             func() time.Time
	existing        func() []tag // tags of the object that is asked for
	objectOwnership types.ObjectOwnership
}

// lookup is the authz.Target's Lookup. Keys come in lower case.
func (q *requested) lookup(key string) ([]string, bool) {
	name, ok := strings.CutPrefix(key, "s3:")
	if !ok {
		return nil, false
	}
	if tagKey, ok := strings.CutPrefix(name, "existingobjecttag/"); ok {
		return q.existingTag(tagKey)
	}
	if tagKey, ok := strings.CutPrefix(name, "requestobjecttag/"); ok {
		return findTag(q.requestTags(), tagKey)
	}
	if name == "requestobjecttagkeys" {
		var keys []string
		for _, t := range q.requestTags() {
			keys = append(keys, t.Key)
		}
		return keys, keys != nil
	}
	return q.header(name)
}

func (q *requested) existingTag(key string) ([]string, bool) {
	if q.existing == nil {
		return nil, false
	}
	return findTag(q.existing(), key)
}

// requestTags are the tags in the request; those that can't be read are refused later.
func (q *requested) requestTags() []tag {
	if q.tags != nil {
		return q.tags
	}
	tags, err := parseTagging(q.tagging)
	if err != nil {
		return nil
	}
	return tags
}

func findTag(tags []tag, key string) ([]string, bool) {
	for _, t := range tags {
		if strings.EqualFold(t.Key, key) {
			return []string{t.Value}, true
		}
	}
	return nil, false
}

func (q *requested) header(name string) ([]string, bool) {
	e := &q.encryption
	switch name {
	case "x-amz-acl":
		return text(q.acl)
	case "x-amz-grant-full-control":
		return pointer(q.grants.full)
	case "x-amz-grant-read":
		return pointer(q.grants.read)
	case "x-amz-grant-read-acp":
		return pointer(q.grants.readACP)
	case "x-amz-grant-write":
		return pointer(q.grants.write)
	case "x-amz-grant-write-acp":
		return pointer(q.grants.writeACP)
	case "x-amz-server-side-encryption":
		return text(string(e.algorithm))
	case "x-amz-server-side-encryption-aws-kms-key-id":
		return pointer(e.keyID)
	case "x-amz-server-side-encryption-customer-algorithm":
		return pointer(e.customer.algorithm)
	case "x-amz-storage-class":
		return text(q.class)
	case "x-amz-copy-source":
		return pointer(q.copySource)
	case "x-amz-metadata-directive":
		return text(q.directive)
	case "x-amz-website-redirect-location":
		return pointer(q.redirect)
	case "x-amz-object-ownership":
		return text(string(q.objectOwnership))
	}
	return q.parameter(name)
}

func (q *requested) parameter(name string) ([]string, bool) {
	switch name {
	case "versionid":
		return pointer(q.versionID)
	case "prefix":
		return pointer(q.prefix)
	case "delimiter":
		return pointer(q.delim)
	case "max-keys":
		if q.maxKeys != nil {
			return []string{strconv.Itoa(int(*q.maxKeys))}, true
		}
	case "if-match":
		return pointer(q.match)
	case "if-none-match":
		return pointer(q.noneMatch)
	case "object-lock-remaining-retention-days":
		if q.lock.until != nil && q.now != nil {
			return []string{strconv.Itoa(int(q.lock.until.Sub(q.now()) / (24 * time.Hour)))}, true
		}
	case "object-lock-mode":
		return text(string(q.lock.mode))
	case "object-lock-legal-hold":
		return text(string(q.lock.hold))
	case "object-lock-retain-until-date":
		if q.lock.until != nil {
			return []string{q.lock.until.UTC().Format(time.RFC3339)}, true
		}
	}
	return nil, false
}

func text(s string) ([]string, bool) { return []string{s}, s != "" }

func pointer(s *string) ([]string, bool) { return []string{aws.ToString(s)}, s != nil }
