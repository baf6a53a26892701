package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// explainedSession names the session of a role that is asked about as such.
const explainedSession = "explain"

// A paper is a policy that counts, and where it comes from.
type paper struct {
	source   engine.Source
	kind     engine.Kind
	name     string // for a person: "inline policy use-orders of user/alice"
	arn      string
	level    int // of an organization's policies
	document string
}

// A subject is the principal asked about, with the policies that hold for it.
type subject struct {
	authz.Principal
	papers  []paper
	bounded bool
}

// findSubject reads the principal that a user of the command names: an ARN, a
// name of a user or role, a service, or "anonymous".
func findSubject(ctx context.Context, c *iam.Client, account, name string) (*subject, error) {
	switch {
	case name == "anonymous":
		return &subject{Principal: authz.Principal{Principal: engine.Principal{Kind: engine.Anonymous}}}, nil
	case strings.HasSuffix(name, ".amazonaws.com"):
		return &subject{Principal: authz.Principal{Principal: engine.Principal{Kind: engine.ServicePrincipal, Service: name, ARN: name}}}, nil
	}
	s := &subject{}
	noun, rest := "", name
	if a, err := arn.Parse(name); err == nil {
		account = a.AccountID
		noun, rest, _ = strings.Cut(a.Resource, "/")
	} else if before, after, ok := strings.Cut(name, "/"); ok && (before == "user" || before == "role") {
		noun, rest = before, after
	}
	last := rest[strings.LastIndexByte(rest, '/')+1:]
	switch noun {
	case "root":
		s.Principal = *authz.Root(arn.Root(account), account, "")
		s.papers = []paper{{source: engine.Identity, name: "full access of the account's root user", document: fullAccess}}
		return s, nil
	case "user":
		return s, s.readUser(ctx, c, last)
	case "role":
		return s, s.readRole(ctx, c, last, explainedSession)
	case "assumed-role":
		role, session, _ := strings.Cut(rest, "/")
		return s, s.readRole(ctx, c, role, session)
	case "":
		return s, s.readEither(ctx, c, last)
	default:
		return nil, fmt.Errorf("%s is no principal: name a user, a role, a role's session, an account's root, a service or anonymous", name)
	}
}

// fullAccess is what the root user of an account has by nature.
const fullAccess = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// readEither takes a bare name for a user's, and else for a role's.
func (s *subject) readEither(ctx context.Context, c *iam.Client, name string) error {
	err := s.readUser(ctx, c, name)
	if !hasCode(err, "NoSuchEntity") {
		return err
	}
	if err := s.readRole(ctx, c, name, explainedSession); !hasCode(err, "NoSuchEntity") {
		return err
	}
	return fmt.Errorf("there is no user and no role named %s", name)
}

func (s *subject) readUser(ctx context.Context, c *iam.Client, name string) error {
	out, err := c.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	if err != nil {
		return err
	}
	u := out.User
	a, err := arn.Parse(*u.Arn)
	if err != nil {
		return err
	}
	s.Principal = authz.Principal{
		Principal: engine.Principal{Kind: engine.User, ARN: *u.Arn, Account: a.AccountID, ID: *u.UserId},
		Name:      name, Tags: tagMap(u.Tags),
	}
	if err := s.addUserPolicies(ctx, c, name); err != nil {
		return err
	}
	groups := iam.NewListGroupsForUserPaginator(c, &iam.ListGroupsForUserInput{UserName: &name})
	for groups.HasMorePages() {
		page, err := groups.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, g := range page.Groups {
			if err := s.addGroupPolicies(ctx, c, *g.GroupName); err != nil {
				return err
			}
		}
	}
	return s.bound(ctx, c, u.PermissionsBoundary)
}

func (s *subject) readRole(ctx context.Context, c *iam.Client, name, session string) error {
	out, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return err
	}
	r := out.Role
	a, err := arn.Parse(*r.Arn)
	if err != nil {
		return err
	}
	s.Principal = authz.Principal{
		Principal: engine.Principal{
			Kind: engine.RoleSession, ARN: arn.New("sts", "", a.AccountID, "assumed-role/"+name+"/"+session),
			Account: a.AccountID, ID: *r.RoleId + ":" + session, RoleARN: *r.Arn,
		},
		Name: session, Tags: tagMap(r.Tags),
		Session: &authz.Session{IssuerKind: "Role", IssuerARN: *r.Arn, IssuerID: *r.RoleId, IssuerName: name},
	}
	if err := s.addRolePolicies(ctx, c, name); err != nil {
		return err
	}
	return s.bound(ctx, c, r.PermissionsBoundary)
}

func (s *subject) bound(ctx context.Context, c *iam.Client, b *types.AttachedPermissionsBoundary) error {
	if b == nil || b.PermissionsBoundaryArn == nil {
		return nil
	}
	s.bounded = true
	p, err := managed(ctx, c, *b.PermissionsBoundaryArn)
	p.source, p.kind = engine.Boundary, engine.BoundaryPolicy
	s.papers = append(s.papers, p)
	return err
}

// managed reads a managed policy's default version.
func managed(ctx context.Context, c *iam.Client, name string) (paper, error) {
	p, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &name})
	if err != nil {
		return paper{}, err
	}
	v, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: &name, VersionId: p.Policy.DefaultVersionId})
	if err != nil {
		return paper{}, err
	}
	document, err := url.QueryUnescape(aws.ToString(v.PolicyVersion.Document))
	return paper{
		source: engine.Identity, kind: engine.IdentityPolicy, arn: name, document: document,
		name: "managed policy " + *p.Policy.PolicyName + " (" + *p.Policy.DefaultVersionId + ")",
	}, err
}

func tagMap(tags []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		out[*t.Key] = *t.Value
	}
	return out
}
