package iam_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const admin = "arn:aws:iam::aws:policy/AdministratorAccess"

func newPolicy(t *testing.T, c *iam.Client, name, document string) *types.Policy {
	t.Helper()
	return must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document})).Policy
}

// TestPolicyVersions shows that the default version is the one in force.
func TestPolicyVersions(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := iam.NewFromConfig(s.User(t, "alice", ""))
	list := func() error { return only(alice.ListRoles(ctx, &iam.ListRolesInput{})) }
	p := newPolicy(t, c, "P", allow("iam:ListRoles"))
	if !regexp.MustCompile(`^ANPA[A-Z2-7]{17}$`).MatchString(*p.PolicyId) || *p.DefaultVersionId != "v1" {
		t.Errorf("policy = %+v", p)
	}
	ok[*iam.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: p.Arn}))
	expect(t, "v1", list(), "", "")
	add := func(document string, inForce bool) error {
		return only(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: &document, SetAsDefault: inForce}))
	}
	set := func(v string) {
		t.Helper()
		ok[*iam.SetDefaultPolicyVersionOutput](t)(c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: p.Arn, VersionId: &v}))
	}
	expect(t, "add v2", add(allow("iam:ListUsers"), false), "", "")
	expect(t, "v2 is not in force", list(), "", "")
	expect(t, "add v3", add(deny("iam:ListRoles"), true), "", "")
	expect(t, "v3 in force", list(), "AccessDenied", "")
	set("v1")
	expect(t, "v1 again", list(), "", "")
	expect(t, "add v4", add(allowAll, false), "", "")
	expect(t, "add v5", add(allowAll, false), "", "")
	expect(t, "add v6", add(allowAll, false), "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
	remove := func(v string) error {
		return only(c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: p.Arn, VersionId: &v}))
	}
	expect(t, "delete the one in force", remove("v1"), "DeleteConflict", "Cannot delete the default version of a policy.")
	expect(t, "delete v5", remove("v5"), "", "")
	expect(t, "add v6", add(allowAll, false), "", "")
	var got []string
	pages := iam.NewListPolicyVersionsPaginator(c, &iam.ListPolicyVersionsInput{PolicyArn: p.Arn, MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		for _, v := range must[*iam.ListPolicyVersionsOutput](t)(pages.NextPage(ctx)).Versions {
			got = append(got, *v.VersionId)
		}
	}
	if want := []string{"v6", "v4", "v3", "v2", "v1"}; !slices.Equal(got, want) {
		t.Errorf("versions = %v, want %v", got, want)
	}
	v := must[*iam.GetPolicyVersionOutput](t)(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: aws.String("v3")})).PolicyVersion
	if v.IsDefaultVersion || decoded(t, v.Document) != deny("iam:ListRoles") {
		t.Errorf("v3 = %+v", v)
	}
}

func TestPolicyRefusals(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	s.User(t, "alice", "")
	p := newPolicy(t, c, "Taken", allowAll)
	newPolicy(t, c, "Versioned", allowAll)
	versioned := "arn:aws:iam::" + account + ":policy/Versioned"
	ok[*iam.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &versioned, PolicyDocument: aws.String(allowAll)}))
	ok[*iam.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: p.Arn}))
	create := func(name, document string) func() error {
		return func() error {
			return only(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document}))
		}
	}
	get := func(arn string) func() error {
		return func() error { return only(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})) }
	}
	ghost := "arn:aws:iam::" + account + ":policy/ghost"
	refused(t, []refusal{
		{"same name in other case", create("taken", allowAll), "EntityAlreadyExists", "A policy called taken already exists. Duplicate names are not allowed."},
		{"at the limit", create("big", sized(6144)), "", ""},
		{"over the limit", create("bigger", sized(6145)), "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"},
		{"malformed", create("bad", `{"Statement":{}}`), "MalformedPolicyDocument", ""},
		{"not there", get(ghost), "NoSuchEntity", "Policy " + ghost + " was not found."},
		{"below another path", get("arn:aws:iam::" + account + ":policy/p/Taken"), "NoSuchEntity", ""},
		{"no policy's ARN", get("arn:aws:iam::" + account + ":user/alice"), "InvalidInput", "ARN arn:aws:iam::" + account + ":user/alice is not valid."},
		{"attached", func() error { return only(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: p.Arn})) }, "DeleteConflict", "Cannot delete a policy attached to entities."},
		{"with versions", func() error { return only(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &versioned})) }, "DeleteConflict", ""},
		{"AWS's own", func() error { return only(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(admin)})) }, "AccessDenied", ""},
		{"no such version", func() error {
			return only(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: aws.String("v9")}))
		}, "NoSuchEntity", "Policy " + *p.Arn + " version v9 does not exist or is not attachable."},
	})
	theirs := iam.NewFromConfig(s.ConfigFor(other, garrisontest.Region))
	expect(t, "another account's", only(theirs.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: p.Arn})), "AccessDenied", "")
}

func TestListPolicies(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	for _, name := range []string{"b", "a"} {
		newPolicy(t, c, name, allowAll)
	}
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u"), PermissionsBoundary: aws.String("arn:aws:iam::" + account + ":policy/b")}))
	ok[*iam.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("u"), PolicyArn: aws.String(admin)}))
	list := func(in *iam.ListPoliciesInput) (names []string) {
		t.Helper()
		in.MaxItems = aws.Int32(2)
		pages := iam.NewListPoliciesPaginator(c, in)
		for pages.HasMorePages() {
			for _, p := range must[*iam.ListPoliciesOutput](t)(pages.NextPage(ctx)).Policies {
				names = append(names, *p.PolicyName)
			}
		}
		return names
	}
	all := list(&iam.ListPoliciesInput{})
	if !slices.Equal(all[:2], []string{"a", "b"}) || !slices.Contains(all, "AdministratorAccess") {
		t.Errorf("all = %v, want the account's own and then AWS's", all)
	}
	for _, tt := range []struct {
		name string
		in   *iam.ListPoliciesInput
		want []string
	}{
		{"local", &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}, []string{"a", "b"}},
		{"AWS's", &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws}, all[2:]},
		{"attached", &iam.ListPoliciesInput{OnlyAttached: true}, []string{"AdministratorAccess"}},
		{"boundaries", &iam.ListPoliciesInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}, []string{"b"}},
		{"below a path", &iam.ListPoliciesInput{PathPrefix: aws.String("/none/")}, nil},
	} {
		if got := list(tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("%s = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestManagedPolicies reads every policy of AWS's that comes with the program.
func TestManagedPolicies(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	list := must[*iam.ListPoliciesOutput](t)(c.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws})).Policies
	if len(list) < 5 {
		t.Errorf("%d policies of AWS's, want at least 5", len(list))
	}
	for _, p := range list {
		if *p.Arn != "arn:aws:iam::aws:policy"+*p.Path+*p.PolicyName {
			t.Errorf("ARN = %s", *p.Arn)
		}
		v := must[*iam.GetPolicyVersionOutput](t)(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: p.DefaultVersionId})).PolicyVersion
		if _, err := engine.Parse(decoded(t, v.Document), engine.IdentityPolicy); err != nil {
			t.Errorf("%s: %v", *p.Arn, err)
		}
	}
}

// TestListPoliciesPages shows that pages of any length make the same list, each
// policy once.
func TestListPoliciesPages(t *testing.T) {
	_, c := root(t)
	for _, name := range []string{"AWSx", "Ab", "aWb", "Zz", "za"} {
		newPolicy(t, c, name, allowAll)
	}
	list := func(length int32) (arns []string) {
		pages := iam.NewListPoliciesPaginator(c, &iam.ListPoliciesInput{MaxItems: &length})
		for pages.HasMorePages() {
			for _, p := range must[*iam.ListPoliciesOutput](t)(pages.NextPage(t.Context())).Policies {
				arns = append(arns, *p.Arn)
			}
		}
		return arns
	}
	want := list(1000)
	if len(want) < 10 {
		t.Fatalf("the whole list has %d policies, want AWS's and five", len(want))
	}
	for length := range int32(len(want) + 1) {
		if got := list(length + 1); !slices.Equal(got, want) {
			t.Errorf("in pages of %d = %q, want %q", length+1, got, want)
		}
	}
}
