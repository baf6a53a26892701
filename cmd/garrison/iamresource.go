package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// An object is the resource asked about, with the policy that it has.
type object struct {
	authz.Target
	paper  *paper
	grants []grantReport
	notes  []string
}

// findObject reads what the services know of the resource: a key's policy, its
// grants and tags; a role's trust policy.
func findObject(ctx context.Context, cfg aws.Config, q *query) (*object, error) {
	o := &object{Target: authz.Target{Resource: q.resource, Conditions: q.context}}
	a, err := arn.Parse(q.resource)
	if err != nil && q.resource != "*" {
		return nil, fmt.Errorf("the resource %s is neither an ARN nor *", q.resource)
	}
	o.Account = a.AccountID
	switch {
	case q.resourcePolicy != "":
		o.hold(engine.ResourcePolicy, "the given resource policy", q.resourcePolicy)
		return o, nil
	case a.Service == "kms" && (strings.HasPrefix(a.Resource, "key/") || strings.HasPrefix(a.Resource, "alias/")):
		return o, o.readKey(ctx, kms.NewFromConfig(cfg), q)
	case a.Service == "iam" && strings.HasPrefix(a.Resource, "role/") && strings.HasPrefix(strings.ToLower(q.action), "sts:"):
		return o, o.readRole(ctx, iam.NewFromConfig(cfg), a.Resource)
	case resourcePolicies[a.Service]:
		o.notes = append(o.notes, "a resource of "+a.Service+" may have a policy of its own, which was not read; pass it with --resource-policy")
	}
	return o, nil
}

// resourcePolicies are services whose resources have policies.
var resourcePolicies = map[string]bool{
	"s3": true, "secretsmanager": true, "sns": true, "sqs": true, "lambda": true, "dynamodb": true, "logs": true, "events": true,
}

func (o *object) hold(kind engine.Kind, name, document string) {
	o.Policy = document
	o.paper = &paper{source: engine.Resource, kind: kind, name: name, document: document}
}

func (o *object) readRole(ctx context.Context, c *iam.Client, resource string) error {
	name := resource[strings.LastIndexByte(resource, '/')+1:]
	out, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return err
	}
	document, err := url.QueryUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	o.hold(engine.TrustPolicy, "trust policy of role/"+name, document)
	o.paper.arn, o.PolicyDecides, o.TrustPolicy = *out.Role.Arn, true, true
	return err
}

// readKey reads a KMS key, which an alias may stand for.
func (o *object) readKey(ctx context.Context, c *kms.Client, q *query) error {
	key, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &q.resource})
	if err != nil {
		return err
	}
	m := key.KeyMetadata
	policy, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: m.Arn})
	if err != nil {
		return err
	}
	known := map[string][]string{
		"kms:keyspec": {string(m.KeySpec)}, "kms:keyusage": {string(m.KeyUsage)}, "kms:keyorigin": {string(m.Origin)},
		"kms:multiregion": {fmt.Sprint(aws.ToBool(m.MultiRegion))},
	}
	if *m.Arn != q.resource {
		known["kms:requestalias"] = []string{q.resource[strings.Index(q.resource, "alias/"):]}
		o.notes = append(o.notes, q.resource+" is "+*m.Arn)
	}
	o.Resource, o.PolicyDecides = *m.Arn, true
	o.hold(engine.KeyPolicy, "key policy", aws.ToString(policy.Policy))
	o.paper.arn = *m.Arn
	if err := o.readKeyTags(ctx, c, known); err != nil {
		return err
	}
	maps.Copy(known, o.Conditions)
	o.Conditions = known
	return o.readGrants(ctx, c)
}

func (o *object) readKeyTags(ctx context.Context, c *kms.Client, known map[string][]string) error {
	o.Tags = map[string]string{}
	for p := kms.NewListResourceTagsPaginator(c, &kms.ListResourceTagsInput{KeyId: &o.Resource}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, t := range page.Tags {
			o.Tags[*t.TagKey] = *t.TagValue
		}
	}
	for p := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{KeyId: &o.Resource}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, a := range page.Aliases {
			known["kms:resourcealiases"] = append(known["kms:resourcealiases"], *a.AliasName)
		}
	}
	return nil
}

// ofCaller fills in what KMS derives of the caller and of the given context.
func (o *object) ofCaller(s *subject, q *query) {
	if o.paper == nil || o.paper.kind != engine.KeyPolicy {
		return
	}
	derived := map[string][]string{}
	if s.Account != "" {
		derived["kms:calleraccount"] = []string{s.Account}
	}
	for name := range q.encryption {
		derived["kms:encryptioncontextkeys"] = append(derived["kms:encryptioncontextkeys"], name)
	}
	slices.Sort(derived["kms:encryptioncontextkeys"])
	maps.Copy(derived, o.Conditions)
	o.Conditions = derived
}

// hasCode reports whether the server answered with an error of that code.
func hasCode(err error, code string) bool {
	answer, ok := errors.AsType[smithy.APIError](err)
	return ok && answer.ErrorCode() == code
}
