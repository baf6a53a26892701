package iam_test

import (
	"context"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// keyOf is the access key id of a configuration.
func keyOf(t *testing.T, c aws.Config) string {
	t.Helper()
	return must[aws.Credentials](t)(c.Credentials.Retrieve(t.Context())).AccessKeyID
}

func TestAccessKeyLastUsed(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	config := s.User(t, "ann", deny("kms:*"))
	id := keyOf(t, config)
	used := func() *types.AccessKeyLastUsed {
		t.Helper()
		out := must[*iam.GetAccessKeyLastUsedOutput](t)(admin.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id}))
		if got := aws.ToString(out.UserName); got != "ann" {
			t.Errorf("user = %q, want ann", got)
		}
		return out.AccessKeyLastUsed
	}
	if got := used(); *got.ServiceName != "N/A" || *got.Region != "N/A" || got.LastUsedDate != nil {
		t.Errorf("before any use: %s, %s, %v; want N/A, N/A and no date", *got.ServiceName, *got.Region, got.LastUsedDate)
	}
	config.Region = garrisontest.OtherRegion
	expect(t, "denied", only(kms.NewFromConfig(config).ListKeys(ctx, &kms.ListKeysInput{})), "AccessDeniedException", "")
	if got := used(); *got.ServiceName != "kms" || *got.Region != garrisontest.OtherRegion || !got.LastUsedDate.Equal(s.Clock.Now().Truncate(time.Second)) {
		t.Errorf("after a call that was denied: %s, %s, %v; want kms, %s, %v", *got.ServiceName, *got.Region, got.LastUsedDate, garrisontest.OtherRegion, s.Clock.Now())
	}
	s.Clock.Advance(time.Hour) // which keeps what was noted
	ok[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	if got := used(); *got.ServiceName != "sts" || !got.LastUsedDate.Equal(s.Clock.Now().Truncate(time.Second)) {
		t.Errorf("an hour later: %s, %v; want sts, %v", *got.ServiceName, got.LastUsedDate, s.Clock.Now())
	}
	refused(t, []refusal{
		{"another's key", func() error {
			_, err := iam.NewFromConfig(s.ConfigFor(other, garrisontest.Region)).GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
			return err
		}, "NoSuchEntity", "The Access Key with id " + id + " cannot be found."},
		{"not allowed", func() error {
			_, err := iam.NewFromConfig(config).GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
			return err
		}, "AccessDenied", "User: arn:aws:iam::" + account + ":user/ann is not authorized to perform: iam:GetAccessKeyLastUsed on resource: user ann because no identity-based policy allows the iam:GetAccessKeyLastUsed action"},
	})
}

// TestCredentialReportLastUsed reads the report's columns on the use of keys.
func TestCredentialReportLastUsed(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	ok[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(s.User(t, "ann", "")).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	ok[*iam.GenerateCredentialReportOutput](t)(admin.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{}))
	out := must[*iam.GetCredentialReportOutput](t)(admin.GetCredentialReport(ctx, &iam.GetCredentialReportInput{}))
	rows := must[[][]string](t)(csv.NewReader(strings.NewReader(string(out.Content))).ReadAll())
	now := s.Clock.Now().Format("2006-01-02T15:04:05+00:00")
	for i, want := range [][]string{{now, "us-east-1", "iam"}, {now, "us-east-1", "sts"}} {
		if got := rows[i+1][10:13]; strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: first key last used %q, want %q", rows[i+1][0], got, want)
		}
	}
}

// worker makes a role that the account's root trusts, and returns a configuration
// of a session of it.
func worker(t *testing.T, s *garrisontest.Server, role, policy string) aws.Config {
	t.Helper()
	ctx := t.Context()
	admin := iam.NewFromConfig(s.Config)
	ok[*iam.CreateRoleOutput](t)(admin.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: aws.String(trusting("arn:aws:iam::" + account + ":root"))}))
	ok[*iam.PutRolePolicyOutput](t)(admin.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String("inline"), PolicyDocument: &policy}))
	assumer := sts.NewFromConfig(s.User(t, role+"-assumer", allow("sts:AssumeRole")))
	c := must[*sts.AssumeRoleOutput](t)(assumer.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + role), RoleSessionName: aws.String("at-work")})).Credentials
	return s.ConfigWith(garrisontest.Region, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

func TestRoleLastUsed(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	config := worker(t, s, "worker", allow("kms:*"))
	used := func() *types.RoleLastUsed {
		t.Helper()
		return must[*iam.GetRoleOutput](t)(admin.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("worker")})).Role.RoleLastUsed
	}
	if got := used(); got != nil && got.LastUsedDate != nil {
		t.Errorf("a role that was assumed, but not used: %v", got.LastUsedDate)
	}
	ok[*kms.ListKeysOutput](t)(kms.NewFromConfig(config).ListKeys(ctx, &kms.ListKeysInput{}))
	at := s.Clock.Now().Truncate(time.Second)
	if got := used(); got == nil || !aws.ToTime(got.LastUsedDate).Equal(at) || aws.ToString(got.Region) != garrisontest.Region {
		t.Errorf("last used = %+v, want %v in %s", got, at, garrisontest.Region)
	}
	details := must[*iam.GetAccountAuthorizationDetailsOutput](t)(admin.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole}}))
	if got := details.RoleDetailList[0].RoleLastUsed; got == nil || !aws.ToTime(got.LastUsedDate).Equal(at) {
		t.Errorf("details: last used = %+v, want %v", got, at)
	}
	s.Clock.Advance(401 * 24 * time.Hour)
	if got := used(); got != nil && got.LastUsedDate != nil {
		t.Errorf("after 401 days: %v, want nothing", got.LastUsedDate)
	}
}

// report makes and reads a report on access.
func report(t *testing.T, c *iam.Client, subject string, granularity types.AccessAdvisorUsageGranularityType) (job string, by map[string]types.ServiceLastAccessed) {
	t.Helper()
	ctx := context.Background()
	job = *must[*iam.GenerateServiceLastAccessedDetailsOutput](t)(c.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: &subject, Granularity: granularity})).JobId
	by = map[string]types.ServiceLastAccessed{}
	var marker *string
	for {
		out := must[*iam.GetServiceLastAccessedDetailsOutput](t)(c.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: &job, Marker: marker, MaxItems: aws.Int32(2)}))
		if out.JobStatus != types.JobStatusTypeCompleted {
			t.Fatalf("job is %s", out.JobStatus)
		}
		for _, service := range out.ServicesLastAccessed {
			by[*service.ServiceNamespace] = service
		}
		if marker = out.Marker; !out.IsTruncated {
			return job, by
		}
	}
}

func TestServiceLastAccessed(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	ann, bob := s.User(t, "ann", allow("kms:List*", "sts:*")), s.User(t, "bob", "")
	policy := *must[*iam.CreatePolicyOutput](t)(admin.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("keys"), PolicyDocument: aws.String(allow("kms:*", "iam:GetUser"))})).Policy.Arn
	ok[*iam.AttachUserPolicyOutput](t)(admin.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("ann"), PolicyArn: &policy}))
	ok[*iam.CreateGroupOutput](t)(admin.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("staff")}))
	ok[*iam.AttachGroupPolicyOutput](t)(admin.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("staff"), PolicyArn: &policy}))
	for _, name := range []string{"ann", "bob"} {
		ok[*iam.AddUserToGroupOutput](t)(admin.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("staff"), UserName: &name}))
	}
	ok[*kms.ListKeysOutput](t)(kms.NewFromConfig(ann).ListKeys(ctx, &kms.ListKeysInput{}))
	s.Clock.Advance(2 * time.Minute)
	ok[*kms.ListAliasesOutput](t)(kms.NewFromConfig(bob).ListAliases(ctx, &kms.ListAliasesInput{}))
	annARN, bobARN := "arn:aws:iam::"+account+":user/ann", "arn:aws:iam::"+account+":user/bob"

	_, by := report(t, admin, annARN, "")
	if len(by) != 3 || by["iam"].LastAuthenticated != nil || *by["iam"].TotalAuthenticatedEntities != 0 || by["sts"].ServiceName == nil {
		t.Errorf("ann's services = %v, want iam, kms and sts", sorted(by))
	}
	if k := by["kms"]; aws.ToString(k.LastAuthenticatedEntity) != annARN || *k.TotalAuthenticatedEntities != 1 || *k.ServiceName != "AWS Key Management Service" || k.TrackedActionsLastAccessed != nil {
		t.Errorf("ann's kms = %+v", k)
	}
	for _, subject := range []string{policy, "arn:aws:iam::" + account + ":group/staff"} {
		job, by := report(t, admin, subject, types.AccessAdvisorUsageGranularityTypeActionLevel)
		k := by["kms"]
		if len(by) != 2 || aws.ToString(k.LastAuthenticatedEntity) != bobARN || *k.TotalAuthenticatedEntities != 2 {
			t.Errorf("%s: kms = %+v of %d services", subject, k, len(by))
		}
		if a := k.TrackedActionsLastAccessed; len(a) != 2 || *a[0].ActionName != "ListAliases" || *a[1].LastAccessedEntity != annARN {
			t.Errorf("%s: actions = %+v", subject, a)
		}
		out := must[*iam.GetServiceLastAccessedDetailsWithEntitiesOutput](t)(admin.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: &job, ServiceNamespace: aws.String("kms"), MaxItems: aws.Int32(1)}))
		if e := out.EntityDetailsList; len(e) != 1 || *e[0].EntityInfo.Name != "bob" || e[0].EntityInfo.Type != types.PolicyOwnerEntityTypeUser || !out.IsTruncated {
			t.Errorf("%s: entities = %+v", subject, e)
		}
		out = must[*iam.GetServiceLastAccessedDetailsWithEntitiesOutput](t)(admin.GetServiceLastAccessedDetailsWithEntities(ctx, &iam.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: &job, ServiceNamespace: aws.String("kms"), Marker: out.Marker}))
		if e := out.EntityDetailsList; len(e) != 1 || *e[0].EntityInfo.Name != "ann" || out.IsTruncated {
			t.Errorf("%s: second page = %+v", subject, e)
		}
	}
}

func sorted[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// TestAccessJobs shows that a report is its maker's alone, stays as it was, and
// ends.
func TestAccessJobs(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	ann := iam.NewFromConfig(s.User(t, "ann", allow("iam:*")))
	job, _ := report(t, ann, "arn:aws:iam::"+account+":user/ann", "")
	missing := "Requested JobId: " + job + " not found."
	get := func(c *iam.Client) error {
		return only(c.GetServiceLastAccessedDetails(ctx, &iam.GetServiceLastAccessedDetailsInput{JobId: &job}))
	}
	expect(t, "another's", get(admin), "NoSuchEntity", missing)
	s.Clock.Advance(8 * 24 * time.Hour)
	expect(t, "after a week", get(ann), "NoSuchEntity", missing)
	refused(t, []refusal{
		{"no such user", func() error {
			return only(admin.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: aws.String("arn:aws:iam::" + account + ":user/eve")}))
		}, "NoSuchEntity", ""},
		{"no such policy", func() error {
			return only(admin.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: aws.String("arn:aws:iam::" + account + ":policy/none")}))
		}, "NoSuchEntity", ""},
		{"no ARN of IAM", func() error {
			return only(admin.GenerateServiceLastAccessedDetails(ctx, &iam.GenerateServiceLastAccessedDetailsInput{Arn: aws.String("arn:aws:s3:::a-bucket-of-mine")}))
		}, "InvalidInput", ""},
	})
}

func TestPoliciesGrantingServiceAccess(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	s.User(t, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:*","Resource":"*"},{"Effect":"Allow","NotAction":["iam:*","KMS:List*","sts:*"],"Resource":"*"}]}`)
	ok[*iam.CreateGroupOutput](t)(admin.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("staff")}))
	ok[*iam.PutGroupPolicyOutput](t)(admin.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("staff"), PolicyName: aws.String("of-staff"), PolicyDocument: aws.String(allow("iam:GetUser"))}))
	ok[*iam.AttachGroupPolicyOutput](t)(admin.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("staff"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser")}))
	ok[*iam.AddUserToGroupOutput](t)(admin.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("staff"), UserName: aws.String("ann")}))
	granting := func(noun, name string) string {
		out := must[*iam.ListPoliciesGrantingServiceAccessOutput](t)(admin.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{
			Arn: aws.String("arn:aws:iam::" + account + ":" + noun + "/" + name), ServiceNamespaces: []string{"kms", "iam", "ec2"},
		}))
		var list []string
		for _, entry := range out.PoliciesGrantingServiceAccess {
			for _, p := range entry.Policies {
				list = append(list, *entry.ServiceNamespace+"="+string(p.EntityType)+":"+aws.ToString(p.EntityName)+"/"+*p.PolicyName)
			}
		}
		return strings.Join(list, " ")
	}
	if got, want := granting("user", "ann"), "kms=USER:ann/inline kms=:/AWSKeyManagementServicePowerUser iam=GROUP:staff/of-staff iam=:/AWSKeyManagementServicePowerUser ec2=USER:ann/inline"; got != want {
		t.Errorf("ann: %s\nwant %s", got, want)
	}
	if got, want := granting("group", "staff"), "kms=:/AWSKeyManagementServicePowerUser iam=GROUP:staff/of-staff iam=:/AWSKeyManagementServicePowerUser"; got != want {
		t.Errorf("staff: %s\nwant %s", got, want)
	}
	err := only(admin.ListPoliciesGrantingServiceAccess(ctx, &iam.ListPoliciesGrantingServiceAccessInput{Arn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"), ServiceNamespaces: []string{"kms"}}))
	if _, invalid := errors.AsType[*types.InvalidInputException](err); !invalid {
		t.Errorf("a policy's ARN: %v, want InvalidInput", err)
	}
}
