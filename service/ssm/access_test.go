package ssm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestPaths shows that policies reach parameters by their paths.
func TestPaths(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	put(t, c, "/a/b/1", "x")
	put(t, c, "/c", "x")
	u := user(t, s, "worker", allowing(arnOf("a/b/*"), "ssm:*"))
	wantValue(t, u, "/a/b/1", "x")
	wantValue(t, u, arnOf("a/b/1"), "x")
	refusal := "AccessDeniedException: User: arn:aws:iam::" + account + ":user/worker is not authorized to perform: ssm:"
	_, err := get(t, u, "/c")
	garrisontest.Want(t, err, refusal+"GetParameter on resource: "+arnOf("c")+" because no identity-based policy allows the ssm:GetParameter action")
	_, err = get(t, u, "/nothing") // nobody learns what there is
	garrisontest.Want(t, err, refusal+"GetParameter on resource: "+arnOf("nothing"))
	_, err = u.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"/a/b/1", "/c"}})
	garrisontest.Want(t, err, refusal+"GetParameters on resource: "+arnOf("c"))
	_, err = u.GetParameterHistory(t.Context(), &ssm.GetParameterHistoryInput{Name: aws.String("/c")})
	garrisontest.Want(t, err, refusal+"GetParameterHistory on resource: "+arnOf("c"))
	_, err = u.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/c"), Value: aws.String("y"), Overwrite: aws.Bool(true)})
	garrisontest.Want(t, err, refusal+"PutParameter on resource: "+arnOf("c"))
	_, err = u.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("/c")})
	garrisontest.Want(t, err, refusal+"DeleteParameter on resource: "+arnOf("c"))
	_, err = u.DeleteParameters(t.Context(), &ssm.DeleteParametersInput{Names: []string{"/a/b/1", "/c"}})
	garrisontest.Want(t, err, refusal+"DeleteParameters on resource: "+arnOf("c"))
	_, err = u.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/c"), Labels: []string{"x"}})
	garrisontest.Want(t, err, refusal+"LabelParameterVersion on resource: "+arnOf("c"))
	_, err = u.UnlabelParameterVersion(t.Context(), &ssm.UnlabelParameterVersionInput{Name: aws.String("/c"), ParameterVersion: aws.Int64(1), Labels: []string{"x"}})
	garrisontest.Want(t, err, refusal+"UnlabelParameterVersion on resource: "+arnOf("c"))
	for name, n := range map[string]int{"PutParameter": 3, "GetParameters": 1, "DeleteParameters": 1, "LabelParameterVersion": 1} {
		denied := func(e event) bool { return e.ErrorCode == "AccessDenied" || e.ErrorCode == "AccessDeniedException" }
		if e := events(t, s, name, n); !slices.ContainsFunc(e, denied) {
			t.Errorf("no event of a refused %s: %+v", name, e)
		}
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	put(t, c, "/free", "x")
	mustPut(t, c, &ssm.PutParameterInput{Name: aws.String("/mine"), Value: aws.String("x"), Type: types.ParameterTypeString, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
	u := user(t, s, "worker", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}},
		{"Effect":"Allow","Action":"ssm:PutParameter","Resource":"*"},
		{"Effect":"Allow","Action":"ssm:AddTagsToResource","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"blue"},"ForAllValues:StringEquals":{"aws:TagKeys":"team"}}},
		{"Effect":"Deny","Action":"ssm:PutParameter","Resource":"*","Condition":{"StringEquals":{"ssm:Overwrite":"true"}}},
		{"Effect":"Deny","Action":"ssm:PutParameter","Resource":"*","Condition":{"StringEquals":{"ssm:Policies":"true"}}}]}`)
	wantValue(t, u, "/mine", "x")
	_, err := get(t, u, "/free")
	garrisontest.Want(t, err, "AccessDeniedException")
	for i, tt := range []struct {
		in   ssm.PutParameterInput
		want string
	}{
		{ssm.PutParameterInput{}, ""},
		{ssm.PutParameterInput{Overwrite: aws.Bool(true)}, "AccessDeniedException"},
		{ssm.PutParameterInput{Tier: types.ParameterTierAdvanced, Policies: aws.String("[{}]")}, "AccessDeniedException"},
		{ssm.PutParameterInput{Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}}, ""},
		{ssm.PutParameterInput{Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}}, "AccessDeniedException: User: arn:aws:iam::" + account + ":user/worker is not authorized to perform: ssm:AddTagsToResource"},
		{ssm.PutParameterInput{Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}, {Key: aws.String("x"), Value: aws.String("y")}}}, "AccessDeniedException"},
	} {
		tt.in.Name, tt.in.Value, tt.in.Type = aws.String(fmt.Sprint("/new", i)), aws.String("x"), types.ParameterTypeString
		_, err := u.PutParameter(t.Context(), &tt.in)
		garrisontest.Want(t, err, tt.want)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	put(t, c, "/t", "x")
	parameter := types.ResourceTypeForTaggingParameter
	add := func(kind types.ResourceTypeForTagging, id string, tags ...string) error {
		var list []types.Tag
		for _, tag := range tags {
			list = append(list, types.Tag{Key: aws.String(tag), Value: aws.String("v")})
		}
		_, err := c.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{ResourceType: kind, ResourceId: &id, Tags: list})
		return err
	}
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprint("k", i))
	}
	garrisontest.Want(t, add(parameter, "/t", "b", "a"), "")
	garrisontest.Want(t, add(types.ResourceTypeForTaggingDocument, "/t", "b"), "InvalidResourceType")
	garrisontest.Want(t, add(parameter, "/nothing", "b"), "InvalidResourceId")
	garrisontest.Want(t, add(parameter, "/t", many...), "TooManyTagsError")
	garrisontest.Want(t, add(parameter, "/t", "aws:x"), "ValidationException")
	if _, err := c.RemoveTagsFromResource(t.Context(), &ssm.RemoveTagsFromResourceInput{ResourceType: parameter, ResourceId: aws.String("/t"), TagKeys: []string{"b", "z"}}); err != nil {
		t.Error(err)
	}
	out, err := c.ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: parameter, ResourceId: aws.String("/t")})
	if err != nil || len(out.TagList) != 1 || *out.TagList[0].Key != "a" {
		t.Errorf("tags %+v, %v", out, err)
	}
	_, err = c.ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: parameter, ResourceId: aws.String("/u")})
	garrisontest.Want(t, err, "InvalidResourceId")
	_, err = user(t, s, "nobody", "").ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: parameter, ResourceId: aws.String("/t")})
	garrisontest.Want(t, err, "AccessDeniedException")
	if e := events(t, s, "AddTagsToResource", 1)[0]; e.ReadOnly {
		t.Errorf("event: %s", e.raw)
	}
	events(t, s, "RemoveTagsFromResource", 1)
}

// TestSharing lets another account read an advanced parameter, and its key.
func TestSharing(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k, key := newKey(t, s)
	secret(t, c, "/shared", "hunter2", key, types.ParameterTierAdvanced)
	put(t, c, "/standard", "x")
	resource := aws.String(arnOf("shared"))
	them := ssm.NewFromConfig(s.ConfigFor(other, region))
	_, err := get(t, them, *resource)
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+other+":root is not authorized to perform: ssm:GetParameter on resource: "+*resource+" because no resource-based policy allows the ssm:GetParameter action")
	_, err = get(t, them, arnOf("nothing"))
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+other+":root is not authorized to perform: ssm:GetParameter on resource: "+arnOf("nothing")+" because no resource-based policy allows the ssm:GetParameter action")
	policy := aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["` + other + `","` + account + `"]},"Action":"ssm:*","Resource":"` + *resource + `"}}`)
	putPolicy := func(in ssm.PutResourcePolicyInput) (*ssm.PutResourcePolicyOutput, error) {
		if in.Policy == nil {
			in.Policy = policy
		}
		return c.PutResourcePolicy(t.Context(), &in)
	}
	made, err := putPolicy(ssm.PutResourcePolicyInput{ResourceArn: resource})
	if err != nil {
		t.Fatal(err)
	}
	out, err := them.GetParameter(t.Context(), &ssm.GetParameterInput{Name: resource})
	if err != nil || *out.Parameter.Name != *resource {
		t.Errorf("shared: %+v, %v", out, err)
	}
	_, err = get(t, them, *resource)
	garrisontest.Want(t, err, "AccessDeniedException") // KMS does not let them yet
	keyPolicy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + other + `:root"},"Action":"kms:Decrypt","Resource":"*"}]}`
	if _, err := k.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &keyPolicy}); err != nil {
		t.Fatal(err)
	}
	wantValue(t, them, *resource, "hunter2")
	_, err = get(t, them, "/shared") // by its name it is their own
	garrisontest.Want(t, err, "ParameterNotFound")
	_, err = user(t, s, "insider", allowing("*", "ssm:ListTagsForResource")).DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("/shared")})
	garrisontest.Want(t, err, "AccessDeniedException") // to share is to let read
	for _, tt := range []struct {
		about string
		in    ssm.PutResourcePolicyInput
		want  string
	}{
		{"second", ssm.PutResourcePolicyInput{ResourceArn: resource}, "ResourcePolicyLimitExceededException"},
		{"standard", ssm.PutResourcePolicyInput{ResourceArn: aws.String(arnOf("standard"))}, "ResourcePolicyInvalidParameterException"},
		{"nothing", ssm.PutResourcePolicyInput{ResourceArn: aws.String(arnOf("nothing"))}, "ResourceNotFoundException"},
		{"no ARN", ssm.PutResourcePolicyInput{ResourceArn: aws.String("/shared/or/not/shared")}, "ResourcePolicyInvalidParameterException"},
		{"no policy", ssm.PutResourcePolicyInput{ResourceArn: resource, Policy: aws.String("{}")}, "MalformedResourcePolicyDocumentException"},
		{"large", ssm.PutResourcePolicyInput{ResourceArn: resource, Policy: aws.String(strings.Repeat("x", 1025))}, "ResourcePolicyLimitExceededException"},
		{"other hash", ssm.PutResourcePolicyInput{ResourceArn: resource, PolicyId: made.PolicyId, PolicyHash: aws.String("x")}, "ResourcePolicyConflictException"},
		{"other id", ssm.PutResourcePolicyInput{ResourceArn: resource, PolicyId: aws.String("x"), PolicyHash: made.PolicyHash}, "ResourcePolicyNotFoundException"},
		{"as it should be", ssm.PutResourcePolicyInput{ResourceArn: resource, PolicyId: made.PolicyId, PolicyHash: made.PolicyHash}, ""},
	} {
		_, err := putPolicy(tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s: error = %q, want %q", tt.about, got, tt.want)
		}
	}
	list, err := c.GetResourcePolicies(t.Context(), &ssm.GetResourcePoliciesInput{ResourceArn: resource})
	if err != nil || len(list.Policies) != 1 || *list.Policies[0].Policy != *policy || *list.Policies[0].PolicyId != *made.PolicyId {
		t.Errorf("policies %+v, %v", list, err)
	}
	_, err = them.GetResourcePolicies(t.Context(), &ssm.GetResourcePoliciesInput{ResourceArn: resource})
	garrisontest.Want(t, err, "ResourceNotFoundException")
	_, err = them.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: resource})
	garrisontest.Want(t, err, "ValidationException")
	if _, err := c.DeleteResourcePolicy(t.Context(), &ssm.DeleteResourcePolicyInput{ResourceArn: resource, PolicyId: made.PolicyId, PolicyHash: made.PolicyHash}); err != nil {
		t.Fatal(err)
	}
	_, err = get(t, them, *resource)
	garrisontest.Want(t, err, "AccessDeniedException")
	secret(t, c, "/default", "x", "", types.ParameterTierAdvanced)
	_, err = putPolicy(ssm.PutResourcePolicyInput{ResourceArn: aws.String(arnOf("default"))})
	garrisontest.Want(t, err, "ResourcePolicyInvalidParameterException: To share a SecureString parameter")
	_, err = user(t, s, "nobody", "").DeleteResourcePolicy(t.Context(), &ssm.DeleteResourcePolicyInput{ResourceArn: resource, PolicyId: made.PolicyId, PolicyHash: made.PolicyHash})
	garrisontest.Want(t, err, "AccessDeniedException")
	events(t, s, "PutResourcePolicy", 1)
	events(t, s, "DeleteResourcePolicy", 1)
}

func TestServiceSettings(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	const tier = "/ssm/parameter-store/default-parameter-tier"
	setting := func(id string) *types.ServiceSetting {
		t.Helper()
		out, err := c.GetServiceSetting(t.Context(), &ssm.GetServiceSettingInput{SettingId: &id})
		if err != nil {
			t.Fatal(err)
		}
		return out.ServiceSetting
	}
	if got := setting(tier); *got.SettingValue != "Standard" || *got.Status != "Default" || *got.ARN != "arn:aws:ssm:us-east-1:"+account+":servicesetting"+tier {
		t.Errorf("setting %+v", got)
	}
	update := func(id, value string) error {
		_, err := c.UpdateServiceSetting(t.Context(), &ssm.UpdateServiceSettingInput{SettingId: &id, SettingValue: &value})
		return err
	}
	garrisontest.Want(t, update(tier, "Advanced"), "")
	garrisontest.Want(t, update(tier, "Best"), "ValidationException")
	garrisontest.Want(t, update("/ssm/parameter-store/nothing", "x"), "ServiceSettingNotFound")
	garrisontest.Want(t, update("arn:aws:ssm:us-east-1:"+account+":servicesetting/ssm/parameter-store/high-throughput-enabled", "true"), "")
	if got := setting(tier); *got.SettingValue != "Advanced" || *got.Status != "Customized" || *got.LastModifiedUser != "arn:aws:iam::"+account+":root" {
		t.Errorf("setting %+v", got)
	}
	out, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("x"), Type: types.ParameterTypeString})
	if err != nil || out.Tier != types.ParameterTierAdvanced {
		t.Errorf("the setting is not obeyed: %+v, %v", out, err)
	}
	reset, err := c.ResetServiceSetting(t.Context(), &ssm.ResetServiceSettingInput{SettingId: aws.String(tier)})
	if err != nil || *reset.ServiceSetting.SettingValue != "Standard" || *reset.ServiceSetting.Status != "Default" {
		t.Errorf("reset %+v, %v", reset, err)
	}
	_, err = user(t, s, "nobody", "").UpdateServiceSetting(t.Context(), &ssm.UpdateServiceSettingInput{SettingId: aws.String(tier), SettingValue: aws.String("Advanced")})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/nobody is not authorized to perform: ssm:UpdateServiceSetting on resource: arn:aws:ssm:us-east-1:"+account+":servicesetting"+tier)
	events(t, s, "UpdateServiceSetting", 1)
	events(t, s, "ResetServiceSetting", 1)
}

func TestSecretsByReference(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	m := secretsmanager.NewFromConfig(s.Config)
	made, err := m.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("prod/db+1"), SecretString: aws.String("hunter2")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("hunter3")}); err != nil {
		t.Fatal(err)
	}
	const name = "/aws/reference/secretsmanager/prod/db+1"
	p := wantValue(t, c, name, "hunter3")
	if *p.Name != name || *p.ARN != *made.ARN || p.Type != types.ParameterTypeSecureString || !strings.Contains(*p.SourceResult, `"SecretString":"hunter3"`) {
		t.Errorf("got %+v", p)
	}
	wantValue(t, c, name+":AWSPREVIOUS", "hunter2")
	wantValue(t, c, name+":"+*made.VersionId, "hunter2")
	_, err = c.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String(name)})
	garrisontest.Want(t, err, "ValidationException: WithDecryption flag must be True for retrieving a Secret Manager secret.")
	_, err = get(t, c, "/aws/reference/secretsmanager/nothing")
	garrisontest.Want(t, err, "ParameterNotFound: ")
	out, err := c.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{name, "/aws/reference/secretsmanager/nothing"}, WithDecryption: aws.Bool(true)})
	if err != nil || len(out.Parameters) != 1 || len(out.InvalidParameters) != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = get(t, user(t, s, "reader", allowing("*", "ssm:GetParameter")), name)
	if got := garrisontest.Fault(err); !strings.HasPrefix(got, "AccessDeniedException") || !strings.Contains(got, "secretsmanager:GetSecretValue") {
		t.Errorf("without secretsmanager:GetSecretValue: %q", got)
	}
	if e := events(t, s, "GetSecretValue", 1)[0]; e.UserIdentity.InvokedBy != "ssm.amazonaws.com" {
		t.Errorf("event: %s", e.raw)
	}
}
