package audit

import (
	"strconv"
	"strings"
)

// Keys of the attributes that events can be looked up by (CloudTrail API
// Reference, LookupAttribute).
const (
	EventID      = "EventId"
	EventName    = "EventName"
	EventSource  = "EventSource"
	ReadOnly     = "ReadOnly"
	Username     = "Username"
	AccessKeyID  = "AccessKeyId"
	ResourceType = "ResourceType"
	ResourceName = "ResourceName"
)

// An Attribute is one thing to look events up by. The zero value matches all.
type Attribute struct{ Key, Value string }

// attributes yields everything that the record can be looked up by.
func (r *Record) attributes(yield func(Attribute) bool) {
	for _, a := range []Attribute{
		{EventID, r.ID},
		{EventName, r.Name},
		{EventSource, r.Source},
		{ReadOnly, strconv.FormatBool(r.ReadOnly)},
		{Username, r.Username},
		{AccessKeyID, r.AccessKeyID},
	} {
		if a.Value != "" && !yield(a) {
			return
		}
	}
	for _, res := range r.Resources {
		if !yield(Attribute{ResourceType, res.Type}) || !yield(Attribute{ResourceName, res.ARN}) {
			return
		}
		// AWS finds a resource by its id as well as by its ARN.
		if id := resourceID(res.ARN); id != res.ARN && !yield(Attribute{ResourceName, id}) {
			return
		}
	}
}

// resourceID is what stands behind the last "/" or ":" of an ARN.
func resourceID(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

// matches reports whether the record has the attribute.
func (r *Record) matches(want Attribute) bool {
	if want.Key == "" {
		return true
	}
	for a := range r.attributes {
		if a == want {
			return true
		}
	}
	return false
}
