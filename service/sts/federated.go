package sts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/garrison-cloud/garrison/engine/federation"
	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A visitor is a user whom an identity provider vouches for, once that has been
// verified, and the session that is asked for.
type visitor struct {
	principal *authz.Principal
	role      string // ARN
	session   string
	source    string
	given     given
	// keys are the provider's condition keys, kept are those of them that the
	// session carries on.
	keys map[string][]string
	kept []string
}

// onVisitor asks the role's trust policy for the action. The call is the
// visitor's from here on: nobody else has signed it.
func (s *Service) onVisitor(ctx context.Context, v *visitor, action string) (authz.Target, error) {
	wire.CallFrom(ctx).Principal = v.principal
	t := authz.Target{
		Action: action, Resource: v.role, Type: "AWS::IAM::Role", Account: v.principal.Account,
		TrustPolicy: true, PolicyDecides: true, Hide: named(v.role),
	}
	role, err := s.role(ctx, v.role)
	if err == nil {
		t.Policy, t.Tags = role.TrustPolicy, role.Tags
	} else if !errors.Is(err, store.ErrNotFound) {
		return t, err
	}
	t.Conditions = maps.Clone(v.keys)
	t.Conditions["sts:rolesessionname"] = []string{v.session}
	v.given.conditions(t.Conditions)
	if v.source != "" {
		t.Conditions["sts:sourceidentity"] = []string{v.source}
	}
	also := t
	also.Type = "" // the event names the role once
	if len(v.given.Tags) > 0 {
		also.Action = actionTag
		t.And = append(t.And, also)
	}
	if v.source != "" {
		also.Action = actionSource
		t.And = append(t.And, also)
	}
	return t, nil
}

// A request is what both operations ask for beside the visitor's proof.
type request struct {
	policy  *string
	managed []types.PolicyDescriptorType
	seconds *int32
	// ends is when the provider's own session is over, zero if it doesn't say.
	ends time.Time
}

// A grant is a visitor's session.
type grant struct {
	credentials *types.Credentials
	user        *types.AssumedRoleUser
	size        *int32
	source      *string
}

// admitted makes the session of a visitor who was let in.
func (s *Service) admitted(ctx context.Context, v *visitor, r request) (*grant, error) {
	role, err := s.role(ctx, v.role)
	if errors.Is(err, store.ErrNotFound) { // only where no policy is asked: else that has been the answer
		return nil, &authz.Denied{Principal: v.principal, Action: "sts:" + wire.CallFrom(ctx).Operation, Resource: v.role}
	}
	if err != nil {
		return nil, err
	}
	lasts, err := sessionLength(role, v.principal, r.seconds)
	if err != nil {
		return nil, err
	}
	if now := s.clock.Now(); !r.ends.IsZero() {
		lasts = min(lasts, r.ends.Sub(now).Truncate(time.Second))
	}
	c := roleClaims(role, v.session)
	c.SourceIdentity, c.Given = v.source, v.given
	if v.principal.Kind == iam.WebIdentity {
		c.Provider = v.principal.Provider
	}
	for _, k := range v.kept {
		if values, ok := v.keys[k]; ok {
			c.Federated = with(c.Federated, k, values)
		}
	}
	if err := s.givePolicies(ctx, c, r.policy, r.managed); err != nil {
		return nil, err
	}
	out, err := s.assume(ctx, c, lasts)
	if err != nil {
		return nil, err
	}
	return &grant{credentials: out.Credentials, user: out.AssumedRoleUser, size: out.PackedPolicySize, source: out.SourceIdentity}, nil
}

func with(m map[string][]string, k string, values []string) map[string][]string {
	if m == nil {
		m = map[string][]string{}
	}
	m[k] = values
	return m
}

// roleAccount returns the account of the role that a visitor asks for.
func roleAccount(roleARN string) (string, error) {
	account, _, ok := roleName(roleARN)
	if !ok {
		return "", unfit("Request ARN is invalid")
	}
	return account, nil
}

// tagText is what tags may consist of (STS API Reference, Tag).
var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// Limits of a session tag in characters (STS API Reference, Tag).
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// visitorTags are the session tags that a provider asks for. What the wire checks
// of tags in a request, nobody has checked of these.
func visitorTags(tags map[string]string, transitive []string) (given, error) {
	var g given
	if len(tags) > maxTags {
		return g, unfitTags(fmt.Sprintf("A session can have at most %d tags.", maxTags))
	}
	asked := make([]types.Tag, 0, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if k == "" || utf8.RuneCountInString(k) > maxTagKey || utf8.RuneCountInString(tags[k]) > maxTagValue ||
			!tagText.MatchString(k) || !tagText.MatchString(tags[k]) {
			return g, unfitTags("A session tag has a key or a value that tags can't have.")
		}
		asked = append(asked, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	if len(transitive) > maxTags {
		return g, unfitTags(fmt.Sprintf("A session can have at most %d tags.", maxTags))
	}
	err := g.giveTags(nil, asked, transitive)
	return g, err
}

// refused turns what is wrong with a provider's word into the API's error.
func refused(err error) error {
	wrong, ok := errors.AsType[*federation.Error](err)
	if !ok {
		return err
	}
	switch wrong.Reason {
	case federation.Expired:
		return &types.ExpiredTokenException{Message: &wrong.Message}
	case federation.Rejected:
		return &types.IDPRejectedClaimException{Message: &wrong.Message}
	default:
		return untrusted(wrong.Message)
	}
}

func untrusted(message string) error {
	return &types.InvalidIdentityTokenException{Message: &message}
}

// lower makes a condition key, which tells no case apart.
func lower(parts ...string) string { return strings.ToLower(strings.Join(parts, ":")) }
