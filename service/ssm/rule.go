package ssm

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// A rule is a parameter policy: what happens to a parameter at which time (Systems
// Manager User Guide, "Assigning parameter policies in Parameter Store").
type rule struct {
	Type string `cbor:"1,keyasint"`
	// Text is the policy as it was given.
	Text string `cbor:"2,keyasint"`
	// Due is when it has something to do, and Done that it has done so.
	Due  time.Time `cbor:"3,keyasint"`
	Done bool      `cbor:"4,keyasint,omitempty"`
	// Wait is how long a NoChangeNotification waits after a change.
	Wait time.Duration `cbor:"5,keyasint,omitempty"`
}

const (
	expiration       = "Expiration"
	expirationNotice = "ExpirationNotification"
	noChange         = "NoChangeNotification"

	maxRules = 10
	// maxWait bounds a policy's Before and After, so that times stay times.
	maxWait = 100 * 366 * 24 * time.Hour
)

// A givenRule is a policy as a caller writes it.
type givenRule struct {
	Type       string
	Version    string
	Attributes struct {
		Timestamp string
		Before    string
		After     string
		Unit      string
	}
}

// parseRules reads the policies of a request; those of "[]" and "[{}]" are none.
func parseRules(document string, now time.Time) ([]rule, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal([]byte(document), &texts); err != nil {
		return nil, badPolicyAttribute("Invalid policies input: a JSON array of policies is expected.")
	}
	if len(texts) > maxRules {
		return nil, &types.PoliciesLimitExceededException{
			Message: aws.String("You specified more than the maximum number of allowed policies for the parameter. The maximum is 10."),
		}
	}
	out := make([]rule, 0, len(texts))
	var expires time.Time
	for _, t := range texts {
		r, err := parseRule(t, now)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		if r.Type == expiration {
			if !expires.IsZero() {
				return nil, incompatible("There can't be two Expiration policies for a parameter.")
			}
			expires = r.Due
		}
		out = append(out, *r)
	}
	return out, planNotices(out, expires)
}

func incompatible(message string) error {
	return &types.IncompatiblePolicyException{Message: &message}
}

// planNotices counts the notices' times back from the expiration.
func planNotices(rules []rule, expires time.Time) error {
	for i := range rules {
		r := &rules[i]
		if r.Type != expirationNotice {
			continue
		}
		if expires.IsZero() {
			return incompatible("An ExpirationNotification policy requires an Expiration policy.")
		}
		r.Due = expires.Add(-r.Wait) // where that is past, at once
	}
	return nil
}

// parseRule reads one policy; nil for an empty one.
func parseRule(text json.RawMessage, now time.Time) (*rule, error) {
	var g givenRule
	if err := json.Unmarshal(text, &g); err != nil {
		return nil, badPolicyAttribute("Invalid policies input: a policy has a Type, a Version and Attributes.")
	}
	if g == (givenRule{}) {
		return nil, nil
	}
	r := &rule{Type: g.Type, Text: string(text)}
	var err error
	switch g.Type {
	case expiration:
		r.Due, err = time.Parse(time.RFC3339, g.Attributes.Timestamp)
		if err != nil || !r.Due.After(now) {
			return nil, badPolicyAttribute("The Timestamp of the Expiration policy must be a time in the future, such as 2030-12-02T21:34:33.000Z.")
		}
	case expirationNotice:
		r.Wait, err = duration("Before", g.Attributes.Before, g.Attributes.Unit)
	case noChange:
		r.Wait, err = duration("After", g.Attributes.After, g.Attributes.Unit)
		r.Due = now.Add(r.Wait)
	default:
		return nil, badPolicyType("The policy type isn't supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification.")
	}
	if err != nil {
		return nil, err
	}
	if g.Version != "1.0" {
		return nil, badPolicyAttribute("The Version of a policy must be 1.0.")
	}
	return r, nil
}

func duration(name, value, unit string) (time.Duration, error) {
	each := time.Hour
	switch strings.ToLower(unit) {
	case "days":
		each = 24 * time.Hour
	case "hours":
	default:
		return 0, badPolicyAttribute("The Unit of a policy must be Days or Hours.")
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 1 || time.Duration(n) > maxWait/each {
		return 0, badPolicyAttribute("The attribute %s of a policy must be a whole number above zero.", name)
	}
	return time.Duration(n) * each, nil
}

// inlinePolicies are the policies as the API shows them.
func (p *parameter) inlinePolicies() []types.ParameterInlinePolicy {
	out := make([]types.ParameterInlinePolicy, 0, len(p.Rules))
	for i := range p.Rules {
		r := &p.Rules[i]
		status := "Pending"
		if r.Done {
			status = "Finished"
		}
		out = append(out, types.ParameterInlinePolicy{PolicyText: &r.Text, PolicyType: &r.Type, PolicyStatus: &status})
	}
	return out
}
