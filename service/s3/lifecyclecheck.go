package s3

import (
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"
)

// Limits of lifecycle rules (S3 API Reference, "LifecycleRule").
const (
	maxLifecycleRules = 1000
	maxNewerVersions  = 100
	infrequentDays    = 30
)

// checkLifecycle holds rules to AWS's, and gives ids to those without one.
func checkLifecycle(rules []types.LifecycleRule) error {
	if len(rules) == 0 || len(rules) > maxLifecycleRules {
		return malformedXML()
	}
	ids := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		if aws.ToString(r.ID) == "" {
			r.ID = aws.String(uuid.NewString())
		}
		switch {
		case len(*r.ID) > maxRuleID:
			return argument("ID", *r.ID, "ID length should not exceed allowed limit of 255")
		case ids[*r.ID]:
			return argument("ID", *r.ID, "Rule ID must be unique. Found same ID for more than one rule")
		case r.Status != types.ExpirationStatusEnabled && r.Status != types.ExpirationStatusDisabled:
			return malformedXML()
		}
		ids[*r.ID] = true
		for _, check := range []func(*types.LifecycleRule) error{
			checkLifecycleFilter, checkServedLifecycle, checkExpiration, checkNoncurrent, checkTransitions, checkNoncurrentTransitions,
		} {
			if err := check(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkServedLifecycle refuses what would be kept and not obeyed. Nothing brings an
// archived object back yet, so none is archived.
func checkServedLifecycle(r *types.LifecycleRule) error {
	if r.AbortIncompleteMultipartUpload != nil {
		return unservedElement("AbortIncompleteMultipartUpload")
	}
	classes := make([]types.TransitionStorageClass, 0, len(r.Transitions)+len(r.NoncurrentVersionTransitions))
	for i := range r.Transitions {
		classes = append(classes, r.Transitions[i].StorageClass)
	}
	for i := range r.NoncurrentVersionTransitions {
		classes = append(classes, r.NoncurrentVersionTransitions[i].StorageClass)
	}
	for _, c := range classes {
		if c == types.TransitionStorageClassGlacier || c == types.TransitionStorageClassDeepArchive {
			return unservedElement("transition to " + string(c))
		}
		if rank(types.StorageClass(c)) == 0 {
			return malformedXML()
		}
	}
	if r.Expiration == nil && r.NoncurrentVersionExpiration == nil && len(classes) == 0 {
		return fail("InvalidRequest", "At least one action needs to be specified in a rule")
	}
	return nil
}

func unservedElement(what string) error {
	return refuse(http.StatusNotImplemented, "NotImplemented", "The lifecycle configuration implies functionality that is not implemented: "+what)
}

func checkLifecycleFilter(r *types.LifecycleRule) error {
	f := r.Filter
	if (f == nil) == (r.Prefix == nil) {
		return malformedXML()
	}
	if f == nil {
		return nil
	}
	set := 0
	for _, is := range []bool{f.Prefix != nil, f.Tag != nil, f.ObjectSizeGreaterThan != nil, f.ObjectSizeLessThan != nil, f.And != nil} {
		if is {
			set++
		}
	}
	if set > 1 {
		return malformedXML()
	}
	c, _ := ruleOf(r)
	tags := c.tags
	if c.tag != nil {
		tags = []types.Tag{*c.tag}
	}
	own := make([]tag, len(tags))
	for i := range tags {
		own[i] = tag{aws.ToString(tags[i].Key), aws.ToString(tags[i].Value)}
	}
	if err := checkObjectTags(own); err != nil {
		return err
	}
	if c.over != nil && *c.over < 0 || c.under != nil && *c.under < 1 {
		return fail("InvalidRequest", "'ObjectSizeGreaterThan' must not be negative and 'ObjectSizeLessThan' must be positive")
	}
	if c.over != nil && c.under != nil && *c.over >= *c.under {
		return fail("InvalidRequest", "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'")
	}
	return nil
}

func checkExpiration(r *types.LifecycleRule) error {
	e := r.Expiration
	if e == nil {
		return nil
	}
	set := 0
	for _, is := range []bool{e.Days != nil, e.Date != nil, e.ExpiredObjectDeleteMarker != nil} {
		if is {
			set++
		}
	}
	c, _ := ruleOf(r)
	switch {
	case set != 1:
		return malformedXML()
	case e.Days != nil && *e.Days < 1:
		return argument("Days", fmt.Sprint(*e.Days), "'Days' for Expiration action must be a positive integer")
	case e.Date != nil:
		return checkMidnight(*e.Date)
	case e.ExpiredObjectDeleteMarker != nil && (c.tag != nil || len(c.tags) > 0):
		return fail("InvalidRequest", "Tag based filter cannot be used with ExpiredObjectDeleteMarker.")
	case e.ExpiredObjectDeleteMarker != nil && (c.over != nil || c.under != nil):
		return fail("InvalidRequest", "Object size based filter cannot be used with ExpiredObjectDeleteMarker.")
	}
	return nil
}

func checkMidnight(t time.Time) error {
	if !t.Equal(t.UTC().Truncate(oneDay)) {
		return argument("Date", t.UTC().Format(time.RFC3339), "'Date' must be at midnight GMT")
	}
	return nil
}

func checkNoncurrent(r *types.LifecycleRule) error {
	e := r.NoncurrentVersionExpiration
	if e == nil {
		return nil
	}
	if e.NoncurrentDays == nil {
		return malformedXML()
	}
	if *e.NoncurrentDays < 1 {
		return argument("NoncurrentDays", fmt.Sprint(*e.NoncurrentDays), "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer")
	}
	return checkNewer(r, e.NewerNoncurrentVersions)
}

func checkNewer(r *types.LifecycleRule, n *int32) error {
	if n == nil {
		return nil
	}
	if r.Filter == nil {
		return malformedXML()
	}
	if *n < 1 || *n > maxNewerVersions {
		return argument("NewerNoncurrentVersions", fmt.Sprint(*n), "'NewerNoncurrentVersions' must be between 1 and 100")
	}
	return nil
}
