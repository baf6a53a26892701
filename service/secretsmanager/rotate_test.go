package secretsmanager_test

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

//go:embed testdata/rotate.py
var rotator string

// uids gives each server's functions users of their own.
var uids atomic.Int64

const notLetIn = "AccessDeniedException: Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."

// withFunctions has a server's functions run as users that no other server's have.
func withFunctions(t *testing.T) garrisontest.Option {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	uid := 1879600000 + int(uids.Add(1))*1000
	return func(c *server.Config) { c.FunctionUID = uid }
}

// newFunction makes the rotation function and returns its ARN. Nobody may invoke it
// yet.
func newFunction(t *testing.T, s *garrisontest.Server, body string) string {
	t.Helper()
	roles := iam.NewFromConfig(s.Config)
	role, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("rotator"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String("rotator"), PolicyName: aws.String("inline"), PolicyDocument: aws.String(allowing("secretsmanager:*", "logs:*")),
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("f.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := lambda.NewFromConfig(s.Config).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("rotate"), Role: role.Role.Arn, Runtime: lambdatypes.RuntimePython311, Handler: aws.String("f.handler"),
		Code: &lambdatypes.FunctionCode{ZipFile: b.Bytes()}, Timeout: aws.Int32(30),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.FunctionArn
}

// letIn lets Secrets Manager invoke the function for secrets of the account.
func letIn(t *testing.T, s *garrisontest.Server) {
	t.Helper()
	_, err := lambda.NewFromConfig(s.Config).AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("rotate"), StatementId: aws.String("secrets"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("secretsmanager.amazonaws.com"), SourceAccount: aws.String(account),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rotating runs a server with a function that may rotate.
func rotating(t *testing.T) (s *garrisontest.Server, c *secretsmanager.Client, function string) {
	t.Helper()
	s = garrisontest.Start(t, withFunctions(t))
	function = newFunction(t, s, rotator)
	letIn(t, s)
	return s, secretsmanager.NewFromConfig(s.Config), function
}

func rotate(t *testing.T, c *secretsmanager.Client, in *secretsmanager.RotateSecretInput) string {
	t.Helper()
	out, err := c.RotateSecret(t.Context(), in)
	if err != nil {
		t.Fatalf("rotate %s: %v", *in.SecretId, err)
	}
	return aws.ToString(out.VersionId)
}

// steps are those that the function has taken.
func steps(t *testing.T, c *secretsmanager.Client, id string) string {
	t.Helper()
	for _, tag := range describe(t, c, id).Tags {
		if *tag.Key == "steps" {
			return *tag.Value
		}
	}
	return ""
}

const allSteps = "createSecret setSecret testSecret finishSecret"

// TestRotate rotates once by hand and then by the schedule.
func TestRotate(t *testing.T) {
	t.Parallel()
	s, c, function := rotating(t)
	create(t, c, "app", "old")
	id := aws.String("app")
	if d := describe(t, c, "app"); d.RotationEnabled != nil || d.RotationRules != nil || d.NextRotationDate != nil {
		t.Errorf("before: %+v", d)
	}
	token := rotate(t, c, &secretsmanager.RotateSecretInput{
		SecretId: id, RotationLambdaARN: &function, RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(10)},
	})
	reads(t, c, "app", "made by "+token)
	rotated := events(t, s, "RotationSucceeded", 1)
	if rotated[0].EventSource != "secretsmanager.amazonaws.com" || !strings.Contains(rotated[0].raw, token) {
		t.Errorf("event = %s", rotated[0].raw)
	}
	events(t, s, "RotationStarted", 1)
	if got := steps(t, c, "app"); got != allSteps {
		t.Errorf("steps = %q", got)
	}
	if again := rotate(t, c, &secretsmanager.RotateSecretInput{SecretId: id, ClientRequestToken: &token}); again != token {
		t.Errorf("the same request again makes %s, want %s", again, token)
	}
	d := describe(t, c, "app")
	due := s.Clock.Now().UTC().Truncate(aDay).Add(11*aDay - time.Second)
	if !*d.RotationEnabled || *d.RotationLambdaARN != function || *d.RotationRules.AutomaticallyAfterDays != 10 ||
		!near(d.LastRotatedDate, s.Clock.Now()) || !d.NextRotationDate.Equal(due) || len(d.VersionIdsToStages) != 2 {
		t.Errorf("rotated: %+v, next %v, want %v", d, d.NextRotationDate, due)
	}
	invoked := events(t, s, "Invoke", 1)
	if invoked[0].UserIdentity.InvokedBy != "secretsmanager.amazonaws.com" {
		t.Errorf("invoked by %q: %s", invoked[0].UserIdentity.InvokedBy, invoked[0].raw)
	}

	s.Clock.Advance(due.Add(-aDay + 2*time.Second).Sub(s.Clock.Now()))
	events(t, s, "RotationSucceeded", 2)
	if got, err := get(c, t, &secretsmanager.GetSecretValueInput{SecretId: id}); err != nil || got == "made by "+token || !strings.HasPrefix(got, "made by ") {
		t.Errorf("value = %q, %v; want one that the schedule has made", got, err)
	}
	if got := steps(t, c, "app"); got != allSteps+" "+allSteps {
		t.Errorf("steps = %q", got)
	}
	if _, err := c.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: id}); err != nil {
		t.Fatal(err)
	}
	if d := describe(t, c, "app"); *d.RotationEnabled || d.LastRotatedDate != nil || d.NextRotationDate != nil || d.RotationRules == nil || d.RotationLambdaARN == nil {
		t.Errorf("cancelled: %+v", d)
	}
	s.Clock.Advance(30 * aDay)
	wantValue(t, c, "app", value(t, c))
	_, err := c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: id, RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(1 minute)")}})
	garrisontest.Want(t, err, "InvalidParameterException: ")
}

func value(t *testing.T, c *secretsmanager.Client) string {
	t.Helper()
	got, err := get(c, t, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestFailingRotation leaves the secret as it was, tries again, and goes on once
// the function can.
func TestFailingRotation(t *testing.T) {
	t.Parallel()
	s, c, function := rotating(t)
	made := create(t, c, "app", "fails at testSecret")
	id := aws.String("app")
	token := rotate(t, c, &secretsmanager.RotateSecretInput{SecretId: id, RotationLambdaARN: &function})
	events(t, s, "RotationFailed", 1)
	wantValue(t, c, "app", "fails at testSecret")
	if d := describe(t, c, "app"); d.VersionIdsToStages[token][0] != "AWSPENDING" || d.VersionIdsToStages[*made.VersionId][0] != "AWSCURRENT" || d.LastRotatedDate != nil {
		t.Errorf("labels = %v, last %v", d.VersionIdsToStages, d.LastRotatedDate)
	}
	_, err := c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: id})
	garrisontest.Want(t, err, "InvalidRequestException: A previous rotation isn't complete. That rotation will be reattempted.")
	s.Clock.Advance(time.Minute)
	events(t, s, "RotationFailed", 2)
	if got := steps(t, c, "app"); got != "createSecret setSecret testSecret createSecret setSecret testSecret" {
		t.Errorf("steps = %q", got)
	}

	// Who gives the secret another value calls it off.
	put(t, c, "app", "by hand")
	events(t, s, "RotationAbandoned", 1)
	if d := describe(t, c, "app"); d.VersionIdsToStages[token] != nil {
		t.Errorf("labels = %v, want none of the rotation's", d.VersionIdsToStages)
	}
	s.Clock.Advance(time.Hour)
	token = rotate(t, c, &secretsmanager.RotateSecretInput{SecretId: id})
	reads(t, c, "app", "made by "+token)
}

// TestRotateLater tests the function alone, on a version that is gone afterwards.
func TestRotateLater(t *testing.T) {
	t.Parallel()
	s, c, function := rotating(t)
	create(t, c, "app", "old")
	in := &secretsmanager.RotateSecretInput{
		SecretId: aws.String("app"), RotationLambdaARN: &function, RotateImmediately: aws.Bool(false),
		RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("cron(0 8/8 * * ? *)"), Duration: aws.String("3h")},
	}
	rotate(t, c, in)
	events(t, s, "TestRotationSucceeded", 1)
	if got := steps(t, c, "app"); got != "testSecret" {
		t.Errorf("steps = %q, want the test alone", got)
	}
	wantValue(t, c, "app", "old")
	d := describe(t, c, "app")
	if len(d.VersionIdsToStages) != 1 || !*d.RotationEnabled || d.LastRotatedDate != nil || *d.RotationRules.Duration != "3h" || d.NextRotationDate.Hour()%8 != 2 {
		t.Errorf("tested: %+v, next %v", d, d.NextRotationDate)
	}
	list, err := c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: in.SecretId, IncludeDeprecated: aws.Bool(true)})
	if err != nil || len(list.Versions) != 1 {
		t.Errorf("%d versions, %v; want the one that was there", len(list.Versions), err)
	}
	s.Clock.Advance(d.NextRotationDate.Add(-3*time.Hour + 2*time.Second).Sub(s.Clock.Now()))
	events(t, s, "RotationSucceeded", 1)
	put(t, c, "app", "fails at testSecret")
	in.ClientRequestToken = nil
	rotate(t, c, in)
	events(t, s, "TestRotationFailed", 1)
	wantValue(t, c, "app", "fails at testSecret")
}

// TestStuckRotation frees a secret from a rotation that cannot end: by taking
// AWSPENDING away.
func TestStuckRotation(t *testing.T) {
	t.Parallel()
	s, c, function := rotating(t)
	create(t, c, "app", "fails at setSecret")
	id := aws.String("app")
	token := rotate(t, c, &secretsmanager.RotateSecretInput{SecretId: id, RotationLambdaARN: &function})
	events(t, s, "RotationFailed", 1)
	if _, err := c.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: id, VersionStage: aws.String("AWSPENDING"), RemoveFromVersionId: &token,
	}); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(aDay)
	next := rotate(t, c, &secretsmanager.RotateSecretInput{SecretId: id})
	events(t, s, "RotationFailed", 2)
	if got := steps(t, c, "app"); got != "createSecret setSecret createSecret setSecret" {
		t.Errorf("steps = %q, want those of two tries", got)
	}
	out, err := c.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: id})
	if err != nil || aws.ToString(out.VersionId) != next {
		t.Errorf("cancelled %+v, %v; want the version that is left", out, err)
	}
	s.Clock.Advance(aDay)
	if got := steps(t, c, "app"); got != "createSecret setSecret createSecret setSecret" {
		t.Errorf("steps = %q after the rotation was called off", got)
	}
}

// TestRotationReplicates has a replica follow a rotation.
func TestRotationReplicates(t *testing.T) {
	t.Parallel()
	s, c, function := rotating(t)
	two := secretsmanager.NewFromConfig(s.ConfigFor(account, elsewhere))
	mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("old"), AddReplicaRegions: to(elsewhere)})
	token := rotate(t, c, &secretsmanager.RotateSecretInput{
		SecretId: aws.String("app"), RotationLambdaARN: &function, RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(7)},
	})
	reads(t, two, "app", "made by "+token)
	eventually(t, func() bool {
		d := describe(t, two, "app")
		return d.LastRotatedDate != nil && *d.RotationEnabled && len(d.VersionIdsToStages) == 2
	})
	_, err := two.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String("app")})
	garrisontest.Want(t, err, notHere)
	_, err = two.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("app")})
	garrisontest.Want(t, err, notHere)
	if _, err := two.StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{SecretId: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	if d := describe(t, two, "app"); d.RotationEnabled != nil {
		t.Errorf("promoted: %+v, want no rotation", d)
	}
}

// TestReplicaAndRotationConditions has policies say whereto secrets may be
// replicated, and by what they may be rotated.
func TestReplicaAndRotationConditions(t *testing.T) {
	t.Parallel()
	s, c, function := rotating(t)
	create(t, c, "app", "v")
	ann := user(t, s, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:*","kms:*","lambda:InvokeFunction"],"Resource":"*"},`+
		`{"Effect":"Deny","Action":"secretsmanager:ReplicateSecretToRegions","Resource":"*","Condition":{"ForAnyValue:StringNotEquals":{"secretsmanager:AddReplicaRegions":"us-west-2"}}},`+
		`{"Effect":"Deny","Action":"secretsmanager:RotateSecret","Resource":"*","Condition":{"StringNotEquals":{"secretsmanager:RotationLambdaARN":"`+function+`"}}},`+
		`{"Effect":"Deny","Action":"secretsmanager:RotateSecret","Resource":"*","Condition":{"Bool":{"secretsmanager:ModifyRotationRules":"true"}}}]}`)
	_, err := ann.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("app"), AddReplicaRegions: to(elsewhere)})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	_, err = ann.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("new"), AddReplicaRegions: to(elsewhere)})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	in := &secretsmanager.RotateSecretInput{SecretId: aws.String("app"), RotationLambdaARN: aws.String(function + "x")}
	_, err = ann.RotateSecret(t.Context(), in)
	garrisontest.Want(t, err, "AccessDeniedException: User: ")
	in.RotationLambdaARN, in.RotationRules = &function, &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(1)}
	_, err = ann.RotateSecret(t.Context(), in)
	garrisontest.Want(t, err, "AccessDeniedException: User: ")
	in.RotationRules = nil
	token := rotate(t, ann, in)
	reads(t, c, "app", "made by "+token)
}

// TestRotateRefuses asks for what cannot be.
func TestRotateRefuses(t *testing.T) {
	t.Parallel()
	s := garrisontest.Start(t, withFunctions(t))
	c := secretsmanager.NewFromConfig(s.Config)
	function := newFunction(t, s, rotator)
	create(t, c, "app", "v")
	create(t, c, "empty", "")
	rotated := func(c *secretsmanager.Client, in *secretsmanager.RotateSecretInput) error {
		if in.SecretId == nil {
			in.SecretId = aws.String("app")
		}
		_, err := c.RotateSecret(t.Context(), in)
		return err
	}
	garrisontest.Want(t, rotated(c, &secretsmanager.RotateSecretInput{RotationLambdaARN: &function}), notLetIn)
	letIn(t, s)
	rule := func(r types.RotationRulesType) *secretsmanager.RotateSecretInput {
		return &secretsmanager.RotateSecretInput{RotationLambdaARN: &function, RotationRules: &r}
	}
	expression := func(text, duration string) *secretsmanager.RotateSecretInput {
		r := types.RotationRulesType{ScheduleExpression: &text}
		if duration != "" {
			r.Duration = &duration
		}
		return rule(r)
	}
	const invalid, often, long = "InvalidParameterException: The schedule expression is not valid.", "InvalidParameterException: You can't rotate", "InvalidParameterException: The rotation window"
	for _, tt := range []struct {
		name, want string
		in         *secretsmanager.RotateSecretInput
	}{
		{"no function", "InvalidRequestException: No Lambda rotation function ARN is associated with this secret.", &secretsmanager.RotateSecretInput{}},
		{"another function", notLetIn, &secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(function + "x")}},
		{"elsewhere", "InvalidParameterException: ", &secretsmanager.RotateSecretInput{RotationLambdaARN: aws.String(strings.Replace(function, region, elsewhere, 1))}},
		{"no value", "InvalidRequestException: ", &secretsmanager.RotateSecretInput{SecretId: aws.String("empty"), RotationLambdaARN: &function}},
		{"no secret", lost, &secretsmanager.RotateSecretInput{SecretId: aws.String("nothing"), RotationLambdaARN: &function}},
		{"a partner's", "NotImplemented: ", &secretsmanager.RotateSecretInput{ExternalSecretRotationRoleArn: aws.String("arn:aws:iam::" + account + ":role/r")}},
		{"both rules", "InvalidParameterException: ", rule(types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(1), ScheduleExpression: aws.String("rate(1 day)")})},
		{"minutes", invalid, expression("rate(240 minutes)", "")},
		{"too often", invalid, expression("rate(3 hours)", "")},
		{"too seldom", invalid, expression("rate(1000 days)", "")},
		{"at", invalid, expression("cron(0 0 1 1 ? 2030)", "")},
		{"not on the hour", invalid, expression("cron(30 4 * * ? *)", "")},
		{"every other hour", often, expression("cron(0 0/2 * * ? *)", "")},
		{"three hours at midnight", often, expression("cron(0 22,1 * * ? *)", "")},
		{"into the next day", long, expression("cron(0 22 * * ? *)", "3h")},
		{"into the next window", long, expression("rate(4 hours)", "5h")},
		{"no duration", "InvalidParameterException: ", expression("rate(1 day)", "0h")},
	} {
		if got := garrisontest.Fault(rotated(c, tt.in)); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if d := describe(t, c, "app"); d.RotationEnabled != nil {
		t.Errorf("what was refused has left %+v", d)
	}
	ann := user(t, s, "ann", allowing("secretsmanager:*"))
	garrisontest.Want(t, rotated(ann, &secretsmanager.RotateSecretInput{RotationLambdaARN: &function}), notLetIn)
}
