package s3

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// lifecycleRules are the rules that are enabled.
func (s *settings) lifecycleRules() []lifecycleRule {
	if s.Lifecycle == nil {
		return nil
	}
	rules := make([]lifecycleRule, 0, len(s.Lifecycle.Rules))
	for i := range s.Lifecycle.Rules {
		if r, ok := ruleOf(&s.Lifecycle.Rules[i]); ok {
			rules = append(rules, r)
		}
	}
	return rules
}

// expiration is x-amz-expiration of a version that a rule will delete: of several the
// rule that does it first.
func (s *settings) expiration(v *version) *string {
	if s.Lifecycle == nil || v.Marker {
		return nil
	}
	var (
		first time.Time
		id    string
	)
	for i := range s.Lifecycle.Rules {
		r, ok := ruleOf(&s.Lifecycle.Rules[i])
		if !ok || r.expiration == nil || !r.speaksTo(v) {
			continue
		}
		if when := r.expires(v); !when.IsZero() && (first.IsZero() || when.Before(first)) {
			first, id = when, r.id
		}
	}
	if first.IsZero() {
		return nil
	}
	return aws.String(fmt.Sprintf(`expiry-date="%s", rule-id="%s"`, first.UTC().Format(http.TimeFormat), url.PathEscape(id)))
}
