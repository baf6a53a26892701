package iam_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// dated allows backups of tables from a date on, and listing repositories.
const dated = `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "list",
            "Effect": "Allow",
            "Action": "codecommit:ListRepositories",
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": "dynamodb:*",
            "Resource": "arn:aws:dynamodb:us-east-1:111122223333:table/${aws:username}",
            "Condition": {"DateGreaterThan": {"aws:CurrentTime": "2018-08-16T12:00:00Z"}}
        }
    ]
}`

// told is a result in one line: decision, matched policies, missing keys.
func told(r types.EvaluationResult) string {
	out := []string{*r.EvalActionName, *r.EvalResourceName, string(r.EvalDecision)}
	for _, s := range r.MatchedStatements {
		out = append(out, *s.SourcePolicyId+"/"+string(s.SourcePolicyType))
	}
	missing := r.MissingContextValues
	for _, x := range r.ResourceSpecificResults {
		missing = append(missing, x.MissingContextValues...)
		for _, side := range slices.Sorted(func(yield func(string) bool) {
			for k := range x.EvalDecisionDetails {
				if !yield(k) {
					return
				}
			}
		}) {
			out = append(out, side+":"+string(x.EvalDecisionDetails[side]))
		}
	}
	if d := r.PermissionsBoundaryDecisionDetail; d != nil {
		out = append(out, map[bool]string{true: "within", false: "beyond"}[d.AllowedByPermissionsBoundary])
	}
	for _, key := range missing {
		out = append(out, "?"+key)
	}
	return strings.Join(out, " ")
}

func custom(t *testing.T, c *iam.Client, in *iam.SimulateCustomPolicyInput) string {
	t.Helper()
	var out []string
	pages := iam.NewSimulateCustomPolicyPaginator(c, in)
	for pages.HasMorePages() {
		for _, r := range must[*iam.SimulateCustomPolicyOutput](t)(pages.NextPage(t.Context())).EvaluationResults {
			out = append(out, told(r))
		}
	}
	return strings.Join(out, "\n")
}

func entry(key string, values ...string) types.ContextEntry {
	return types.ContextEntry{ContextKeyName: &key, ContextKeyValues: values, ContextKeyType: types.ContextKeyTypeEnumString}
}

func TestSimulateCustomPolicy(t *testing.T) {
	_, c := root(t)
	const bob = "arn:aws:iam::" + account + ":user/staff/bob"
	const table = "arn:aws:dynamodb:us-east-1:" + account + ":table/"
	const bucket = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + bob + `"},"Action":"s3:GetObject","Resource":"*"}}`
	for _, tt := range []struct {
		name string
		in   iam.SimulateCustomPolicyInput
		want string
	}{
		{
			"nothing given",
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{dated}, ActionNames: []string{"codecommit:ListRepositories", "dynamodb:CreateBackup"}},
			"codecommit:ListRepositories * allowed PolicyInputList.1/none ?aws:username ?aws:CurrentTime\n" +
				"dynamodb:CreateBackup * implicitDeny ?aws:username ?aws:CurrentTime",
		},
		{
			"all given, two resources, in pages",
			iam.SimulateCustomPolicyInput{
				PolicyInputList: []string{dated}, ActionNames: []string{"dynamodb:CreateBackup"}, CallerArn: aws.String(bob), MaxItems: aws.Int32(1),
				ResourceArns: []string{table + "bob", table + "eve"}, ContextEntries: []types.ContextEntry{entry("AWS:currenttime", "2026-01-01T00:00:00Z")},
			},
			"dynamodb:CreateBackup " + table + "bob allowed PolicyInputList.1/none\ndynamodb:CreateBackup " + table + "eve implicitDeny",
		},
		{
			"the deny alone is told",
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll, deny("s3:*")}, ActionNames: []string{"s3:GetObject"}},
			"s3:GetObject * explicitDeny PolicyInputList.2/none",
		},
		{
			"beyond the boundary",
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, PermissionsBoundaryPolicyInputList: []string{allow("s3:*")}, ActionNames: []string{"s3:GetObject", "kms:Encrypt"}},
			"s3:GetObject * allowed PolicyInputList.1/none PermissionsBoundaryPolicyInputList.1/none within\nkms:Encrypt * implicitDeny beyond",
		},
		{
			"the resource's policy allows",
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{allow("kms:*")}, ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b/o"}, ResourcePolicy: aws.String(bucket), CallerArn: aws.String(bob)},
			"s3:GetObject arn:aws:s3:::b/o allowed ResourcePolicy/resource",
		},
		{
			"but not across accounts",
			iam.SimulateCustomPolicyInput{PolicyInputList: []string{allow("kms:*")}, ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b/o"}, ResourcePolicy: aws.String(bucket), CallerArn: aws.String(bob), ResourceOwner: aws.String(other)},
			"s3:GetObject arn:aws:s3:::b/o implicitDeny IAM Policy:implicitDeny Resource Policy:allowed",
		},
	} {
		if got := custom(t, c, &tt.in); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	at := must[*iam.SimulateCustomPolicyOutput](t)(c.SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyInput{
		PolicyInputList: []string{dated}, ActionNames: []string{"codecommit:ListRepositories"},
	})).EvaluationResults[0].MatchedStatements[0]
	if at.StartPosition.Line != 3 || at.StartPosition.Column != 19 || at.EndPosition.Line != 9 || at.EndPosition.Column != 10 {
		t.Errorf("statement from %+v to %+v, want 3:19 to 9:10", at.StartPosition, at.EndPosition)
	}
}

// TestSimulatePrincipalPolicy holds simulations of a user, group and role to all
// of their policies.
func TestSimulatePrincipalPolicy(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	name, user := aws.String("bob"), "arn:aws:iam::"+account+":user/bob"
	bob := iam.NewFromConfig(s.User(t, "bob", dated))
	fence := newPolicy(t, c, "fence", allow("codecommit:*", "s3:*", "iam:*"))
	ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name}))
	ok[*iam.PutGroupPolicyOutput](t)(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: name, PolicyName: aws.String("buckets"), PolicyDocument: aws.String(allow("s3:*"))}))
	ok[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: name, UserName: name}))
	r := newRole(t, c, "ops")
	ok[*iam.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: r.RoleName, PolicyArn: aws.String(admin)}))
	ok[*iam.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: r.RoleName, PolicyArn: fence.Arn}))
	ask := func(arn string, more *string, actions ...string) string {
		in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: actions}
		if more != nil {
			in.PolicyInputList = []string{*more}
		}
		var out []string
		for _, r := range must[*iam.SimulatePrincipalPolicyOutput](t)(c.SimulatePrincipalPolicy(ctx, in)).EvaluationResults {
			out = append(out, told(r))
		}
		return strings.Join(out, "\n")
	}
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("simulation =\n%s\nwant\n%s", got, want)
		}
	}
	check(ask(user, nil, "s3:PutObject", "codecommit:ListRepositories"),
		"s3:PutObject * allowed buckets/group ?aws:CurrentTime\ncodecommit:ListRepositories * allowed inline/user ?aws:CurrentTime")
	check(ask(user, aws.String(deny("s3:*")), "s3:PutObject"), "s3:PutObject * explicitDeny PolicyInputList.1/none ?aws:CurrentTime")
	check(ask("arn:aws:iam::"+account+":group/bob", nil, "s3:PutObject", "kms:Encrypt"), "s3:PutObject * allowed buckets/group\nkms:Encrypt * implicitDeny")
	check(ask(*r.Arn, nil, "s3:PutObject"), "s3:PutObject * allowed AdministratorAccess/aws-managed fence/user-managed")
	ok[*iam.PutUserPermissionsBoundaryOutput](t)(c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: name, PermissionsBoundary: fence.Arn}))
	check(ask(user, aws.String(allow("kms:*")), "kms:Encrypt", "s3:PutObject"),
		"kms:Encrypt * implicitDeny beyond ?aws:CurrentTime\ns3:PutObject * allowed buckets/group fence/user-managed within ?aws:CurrentTime")

	by := func(c *iam.Client, arn string) func() error {
		return func() error {
			return only(c.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: []string{"s3:GetObject"}}))
		}
	}
	refused(t, []refusal{
		{"not allowed", by(bob, user), "AccessDenied", ""},
		{"nobody", by(c, "arn:aws:iam::"+account+":user/ghost"), "NoSuchEntity", "The user with name ghost cannot be found."},
		{"another path", by(c, "arn:aws:iam::"+account+":user/x/bob"), "NoSuchEntity", ""},
		{"another account", by(c, "arn:aws:iam::"+other+":user/bob"), "InvalidInput", ""},
		{"a session", by(c, "arn:aws:sts::"+account+":assumed-role/a/b"), "InvalidInput", "Invalid Entity Arn: arn:aws:sts::" + account + ":assumed-role/a/b does not clearly define entity type and name."},
		{"no document", func() error {
			return only(c.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{"{}"}, ActionNames: []string{"s3:GetObject"}}))
		}, "InvalidInput", ""},
		{"no action", func() error {
			return only(c.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"GetObject"}}))
		}, "InvalidInput", ""},
		{"a resource's policy without a caller", func() error {
			return only(c.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"s3:GetObject"}, ResourcePolicy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}`)}))
		}, "InvalidInput", ""},
	})
}

// TestSimulationIsTrue compares simulations with what really happens.
func TestSimulationIsTrue(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	for i, document := range []string{
		allow("iam:ListUsers"), deny("iam:ListUsers"), allow("iam:List*"), allow("iam:Get*"),
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"iam:ListUsers","Resource":"*"}}`,
		statement("Allow", "arn:aws:iam::"+account+":user/", "iam:ListUsers"),
		statement("Allow", "arn:aws:iam::"+account+":user/${aws:username}", "iam:ListUsers"),
	} {
		name := string(rune('a' + i))
		u := iam.NewFromConfig(s.User(t, name, document))
		really := garrisontest.ErrorCode(only(u.ListUsers(ctx, &iam.ListUsersInput{}))) == ""
		got := must[*iam.SimulatePrincipalPolicyOutput](t)(c.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: aws.String("arn:aws:iam::" + account + ":user/" + name), ActionNames: []string{"iam:ListUsers"},
			ResourceArns: []string{"arn:aws:iam::" + account + ":user/"},
		})).EvaluationResults[0].EvalDecision == types.PolicyEvaluationDecisionTypeAllowed
		if got != really {
			t.Errorf("%s: simulated %v, really %v", document, got, really)
		}
	}
}

func TestContextKeys(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	s.User(t, "bob", dated)
	const tagged = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalTag/team, 'none'}/${*}","Condition":{"StringLike":{"s3:prefix":"${aws:UserName}/*"}}}}`
	keys := must[*iam.GetContextKeysForCustomPolicyOutput](t)(c.GetContextKeysForCustomPolicy(ctx, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{dated, tagged}})).ContextKeyNames
	if want := []string{"aws:username", "aws:CurrentTime", "aws:PrincipalTag/team", "s3:prefix"}; !slices.Equal(keys, want) {
		t.Errorf("keys = %q, want %q", keys, want)
	}
	keys = must[*iam.GetContextKeysForPrincipalPolicyOutput](t)(c.GetContextKeysForPrincipalPolicy(ctx, &iam.GetContextKeysForPrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::" + account + ":user/bob"), PolicyInputList: []string{tagged},
	})).ContextKeyNames
	if want := []string{"aws:username", "aws:CurrentTime", "aws:PrincipalTag/team", "s3:prefix"}; !slices.Equal(keys, want) {
		t.Errorf("bob's keys = %q, want %q", keys, want)
	}
	expect(t, "no policy", only(c.GetContextKeysForCustomPolicy(ctx, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{"x"}})), "InvalidInput", "")
}
