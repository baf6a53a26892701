package sts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/fxamacker/cbor/v2"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Limits of what a caller gives (IAM User Guide, "IAM and AWS STS quotas"). AWS
// doesn't tell the packed one; here it leaves room in a token for a policy of
// the full length with tags.
const (
	maxPolicy  = 2048 // characters
	maxManaged = 10
	maxTags    = 50
	maxPacked  = 4 << 10 // bytes of policy and tags in the token
)

// giveTags sets the session's tags: those asked for, and those that the caller's
// own session hands down (IAM User Guide, "Chaining roles with session tags").
func (g *given) giveTags(caller *authz.Session, asked []types.Tag, transitive []string) error {
	own, err := newTags(asked)
	if err != nil {
		return err
	}
	for _, k := range transitive {
		if _, ok := lookUp(own, k); !ok {
			return unfitTags("The specified transitive tag key must be included in the requested tags.")
		}
	}
	g.Tags, g.Transitive = own, slices.Clone(transitive)
	if caller == nil {
		return nil
	}
	for _, k := range caller.Transitive {
		if _, ok := lookUp(own, k); ok {
			return unfitTags("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		v, _ := lookUp(caller.Tags, k)
		g.Tags[k] = v
		g.Transitive = append(g.Transitive, k)
	}
	if len(g.Tags) > maxTags {
		return unfitTags(fmt.Sprintf("A session can have at most %d tags.", maxTags))
	}
	return nil
}

func newTags(asked []types.Tag) (map[string]string, error) {
	out := make(map[string]string, len(asked))
	for _, t := range asked {
		if _, ok := lookUp(out, *t.Key); ok {
			return nil, unfitTags("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if len(*t.Key) >= 4 && strings.EqualFold((*t.Key)[:4], "aws:") {
			return nil, unfitTags("Tag keys that begin with aws: are reserved.")
		}
		out[*t.Key] = aws.ToString(t.Value)
	}
	return out, nil
}

// givePolicies limits the session to what the document and the managed policies
// allow, where there are any.
func (s *Service) givePolicies(ctx context.Context, c *claims, document *string, managed []types.PolicyDescriptorType) error {
	g := &c.Given
	if document != nil {
		_, err := s.compiler.Compile(*document, iam.SessionPolicy)
		if syntax := (*iam.SyntaxError)(nil); errors.As(err, &syntax) {
			return malformed(syntax.Message)
		}
		if err != nil {
			return err
		}
		g.Policies = []string{*document}
	}
	if len(managed) > maxManaged {
		return unfit(fmt.Sprintf("At most %d policies can be passed in PolicyArns.", maxManaged))
	}
	for _, m := range managed {
		_, err := s.roles.ManagedPolicy(ctx, c.Account, aws.ToString(m.Arn))
		if errors.Is(err, store.ErrNotFound) {
			return malformed("The policy " + aws.ToString(m.Arn) + " does not exist or is not attachable.")
		}
		if err != nil {
			return fmt.Errorf("read session policy %s: %w", aws.ToString(m.Arn), err)
		}
		g.Managed = append(g.Managed, *m.Arn)
	}
	if g.Managed != nil && g.Policies == nil {
		g.Policies = []string{}
	}
	return nil
}

// packedSize returns how many per cent of the space for them the policy and tags
// take, or AWS's error where that is more than all.
func (g *given) packedSize() (int32, error) {
	packed, err := cbor.Marshal(g)
	if err != nil {
		return 0, err
	}
	size := percent(len(packed), maxPacked)
	for _, p := range g.Policies {
		size = max(size, percent(utf8.RuneCountInString(p), maxPolicy))
	}
	if size > 100 {
		return 0, tooLarge(fmt.Sprintf("Packed policy consumes %d%% of allotted space, please use smaller policy.", size))
	}
	return size, nil
}

// percent rounds up, so that only what fits is a hundred.
func percent(n, of int) int32 {
	return int32((n*100 + of - 1) / of) //nolint:gosec // a request's body is far smaller
}

// conditions are the condition keys that speak of the tags, added to c.
func (g *given) conditions(c map[string][]string) {
	if len(g.Tags) == 0 {
		return
	}
	for k, v := range g.Tags {
		c["aws:requesttag/"+strings.ToLower(k)] = []string{v}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], k)
	}
	if len(g.Transitive) > 0 {
		c["sts:transitivetagkeys"] = g.Transitive
	}
}
