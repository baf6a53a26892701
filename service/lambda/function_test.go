package lambda_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestCreateRefused goes through what no function may be.
func TestCreateRefused(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	r.create(t, r.python(t, "there", "x = 1"))
	wrong := r.newRole(t, "wrong", "ec2.amazonaws.com", allowing("s3:*"))
	for _, tt := range []struct {
		name string
		set  func(in *lambda.CreateFunctionInput)
		want string
	}{
		{"trusts another", func(in *lambda.CreateFunctionInput) { in.Role = &wrong }, "InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda."},
		{"no role", func(in *lambda.CreateFunctionInput) { in.Role = aws.String(r.role + "x") }, "InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda."},
		{"foreign role", func(in *lambda.CreateFunctionInput) { in.Role = aws.String("arn:aws:iam::444455556666:role/x") }, "AccessDeniedException: Cross-account pass role is not allowed."},
		{"taken", func(in *lambda.CreateFunctionInput) { in.FunctionName = aws.String("there") }, "ResourceConflictException: Function already exist: there"},
		{"no archive", func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = []byte("x") }, "InvalidParameterValueException: Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"way out", func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = pack(t, "../x", "y") }, "InvalidParameterValueException: Could not unzip uploaded file."},
		{"no code", func(in *lambda.CreateFunctionInput) { in.Code.ZipFile = nil }, "InvalidParameterValueException: Please provide a source for function code."},
		{"from S3", func(in *lambda.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("bucket"), S3Key: aws.String("key")}
		}, "NotImplemented: Code from S3 is not implemented here."},
		{"image", func(in *lambda.CreateFunctionInput) { in.PackageType = types.PackageTypeImage }, "NotImplemented: "},
		{"layers", func(in *lambda.CreateFunctionInput) {
			in.Layers = []string{"arn:aws:lambda:us-east-1:111122223333:layer:x:1"}
		}, "NotImplemented: Layers"},
		{"runtime", func(in *lambda.CreateFunctionInput) { in.Runtime = types.RuntimeJava21 }, "NotImplemented: The runtime java21"},
		{"no runtime", func(in *lambda.CreateFunctionInput) { in.Runtime = "" }, "InvalidParameterValueException: Runtime and Handler are mandatory"},
		{"timeout", func(in *lambda.CreateFunctionInput) { in.Timeout = aws.Int32(901) }, "InvalidParameterValueException: "},
		{"memory", func(in *lambda.CreateFunctionInput) { in.MemorySize = aws.Int32(10241) }, "InvalidParameterValueException: "},
		{"reserved variable", func(in *lambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}
		}, "InvalidParameterValueException: Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys"},
		{"too many variables", func(in *lambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"LONG": strings.Repeat("x", 4096)}}
		}, "InvalidParameterValueException: Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit."},
	} {
		in := r.python(t, "new", "x = 1")
		tt.set(in)
		_, err := r.c.CreateFunction(t.Context(), in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
	ann := lambda.NewFromConfig(r.User(t, "ann", allowing("lambda:*")))
	_, err := ann.CreateFunction(t.Context(), r.python(t, "new", "x = 1"))
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::111122223333:user/ann is not authorized to perform: iam:PassRole on resource: "+r.role)
}

// TestVersions publishes versions, and leads aliases to them.
func TestVersions(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	r.create(t, r.python(t, "f", "def handler(e, c): return [1, c.function_version]"))
	name := aws.String("f")
	publish := func(n string) {
		t.Helper()
		out, err := r.c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name})
		if err != nil || *out.Version != n || *out.FunctionArn != "arn:aws:lambda:us-east-1:111122223333:function:f:"+n {
			t.Fatalf("published %+v, %v; want %s", out, err, n)
		}
	}
	answer := func(qualifier, want string) {
		t.Helper()
		in := &lambda.InvokeInput{FunctionName: name}
		if qualifier != "" {
			in.Qualifier = &qualifier
		}
		out, err := r.c.Invoke(t.Context(), in)
		if err != nil || string(out.Payload) != want {
			t.Errorf("answer of %q = %+v, %v; want %s", qualifier, out, err, want)
		}
	}
	publish("1")
	publish("1") // nothing has changed
	up, err := r.c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: pack(t, "f.py", "def handler(e, c): return [2, c.function_version]")})
	garrisontest.Want(t, err, "")
	_, err = r.c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: pack(t, "f.py", "x"), RevisionId: aws.String("old")})
	garrisontest.Want(t, err, "PreconditionFailedException: The Revision Id provided does not match the latest Revision Id.")
	answer("", `[2, "$LATEST"]`)
	answer("1", `[1, "1"]`)
	publish("2")
	_, err = r.c.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	garrisontest.Want(t, err, "")
	answer("live", `[1, "1"]`)
	_, err = r.c.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 1}}})
	garrisontest.Want(t, err, "")
	answer("live", `[2, "2"]`)
	_, err = r.c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")})
	garrisontest.Want(t, err, "ResourceConflictException: Cannot delete version because it's referenced by alias: [live]")
	_, err = r.c.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: name, Name: aws.String("x"), FunctionVersion: aws.String("9")})
	garrisontest.Want(t, err, "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:111122223333:function:f:9")
	list, err := r.c.ListVersionsByFunction(t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: name, MaxItems: aws.Int32(2)})
	if err != nil || len(list.Versions) != 2 || *list.Versions[0].Version != "$LATEST" || list.NextMarker == nil || *list.Versions[0].CodeSha256 != *up.CodeSha256 {
		t.Errorf("versions = %+v, %v", list, err)
	}
	list, err = r.c.ListVersionsByFunction(t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: name, Marker: list.NextMarker})
	if err != nil || len(list.Versions) != 1 || *list.Versions[0].Version != "2" || list.NextMarker != nil {
		t.Errorf("versions = %+v, %v", list, err)
	}
	_, err = r.c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: name})
	garrisontest.Want(t, err, "")
	_, err = r.c.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: name, Name: aws.String("live")})
	garrisontest.Want(t, err, "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:111122223333:function:f")
}

// TestPermission lets another account in, and out again.
func TestPermission(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	made := r.create(t, r.python(t, "f", "def handler(e, c): return 1"))
	bob := lambda.NewFromConfig(r.UserOf(t, other, "bob", allowing("lambda:InvokeFunction")))
	invoke := func(prefix string) {
		t.Helper()
		_, err := bob.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: made.FunctionArn})
		garrisontest.Want(t, err, prefix)
	}
	const denied = "AccessDeniedException: User: arn:aws:iam::444455556666:user/bob is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:111122223333:function:f because no resource-based policy allows the lambda:InvokeFunction action"
	invoke(denied)
	in := &lambda.AddPermissionInput{FunctionName: aws.String("f"), StatementId: aws.String("s1"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String(other)}
	out, err := r.c.AddPermission(t.Context(), in)
	garrisontest.Want(t, err, "")
	if got := `{"Sid":"s1","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:us-east-1:111122223333:function:f"}`; *out.Statement != got {
		t.Errorf("statement = %s", *out.Statement)
	}
	invoke("")
	_, err = r.c.AddPermission(t.Context(), in)
	garrisontest.Want(t, err, "ResourceConflictException: The statement id (s1) provided already exists.")
	in.StatementId, in.Principal = aws.String("s2"), aws.String("nobody")
	_, err = r.c.AddPermission(t.Context(), in)
	garrisontest.Want(t, err, "InvalidParameterValueException: The provided principal was invalid.")
	in.Principal, in.SourceArn, in.SourceAccount = aws.String("events.amazonaws.com"), aws.String("arn:aws:events:us-east-1:111122223333:rule/x"), aws.String(account)
	_, err = r.c.AddPermission(t.Context(), in)
	garrisontest.Want(t, err, "")
	p, err := r.c.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String("f")})
	if err != nil || !strings.Contains(*p.Policy, `"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:us-east-1:111122223333:rule/x"},"StringEquals":{"AWS:SourceAccount":"111122223333"}}`) {
		t.Errorf("policy = %+v, %v", p, err)
	}
	_, err = r.c.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("f"), StatementId: aws.String("s1"), RevisionId: p.RevisionId})
	garrisontest.Want(t, err, "")
	invoke(denied)
	_, err = bob.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:111122223333:function:nothing")})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	_, err = r.c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("nothing")})
	garrisontest.Want(t, err, "ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:111122223333:function:nothing")
}

// TestEnvironment seals variables by a customer's key, which decides from then on.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	keys := kms.NewFromConfig(r.Config)
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	in := r.python(t, "f", "import os\ndef handler(e, c): return os.environ['OWN']")
	in.Environment = &types.Environment{Variables: map[string]string{"OWN": "secret"}}
	r.create(t, in)
	if out := r.invoke(t, "f", `{}`); string(out.Payload) != `"secret"` {
		t.Errorf("answer = %s", out.Payload)
	}
	up, err := r.c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("f"), KMSKeyArn: key.KeyMetadata.Arn, Timeout: aws.Int32(5)})
	garrisontest.Want(t, err, "")
	if up.Environment == nil || up.Environment.Variables["OWN"] != "secret" || *up.Timeout != 5 {
		t.Errorf("configuration = %+v", up)
	}
	if out := r.invoke(t, "f", `{}`); string(out.Payload) != `"secret"` {
		t.Errorf("answer = %s", out.Payload)
	}
	ann := lambda.NewFromConfig(r.User(t, "ann", allowing("lambda:*")))
	seen, err := ann.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("f")})
	if err != nil || seen.Environment == nil || len(seen.Environment.Variables) > 0 || aws.ToString(seen.Environment.Error.ErrorCode) != "AccessDeniedException" {
		t.Errorf("who may not use the key sees %+v, %v", seen.Environment, err)
	}
	_, err = keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId})
	garrisontest.Want(t, err, "")
	if out := r.invoke(t, "f", `{}`); string(out.Payload) != `"secret"` { // warm: it has its variables
		t.Errorf("answer = %s", out.Payload)
	}
	_, err = r.c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("f"), Timeout: aws.Int32(6)})
	garrisontest.Want(t, err, "")
	_, err = r.c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("f")})
	garrisontest.Want(t, err, "KMSDisabledException: Lambda was unable to decrypt the environment variables because the KMS key used is disabled.")
	in = r.python(t, "g", "x = 1")
	in.Environment, in.KMSKeyArn = &types.Environment{Variables: map[string]string{"OWN": "secret"}}, key.KeyMetadata.Arn
	_, err = r.c.CreateFunction(t.Context(), in)
	garrisontest.Want(t, err, "InvalidParameterValueException: Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant.")
}

// TestTagsAndLists looks at functions from all sides.
func TestTagsAndLists(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	in := r.python(t, "f", "x = 1")
	in.Tags = map[string]string{"team": "red"}
	made := r.create(t, in)
	r.create(t, r.python(t, "g", "x = 2"))
	_, err := r.c.TagResource(t.Context(), &lambda.TagResourceInput{Resource: made.FunctionArn, Tags: map[string]string{"env": "prod"}})
	garrisontest.Want(t, err, "")
	_, err = r.c.UntagResource(t.Context(), &lambda.UntagResourceInput{Resource: made.FunctionArn, TagKeys: []string{"team"}})
	garrisontest.Want(t, err, "")
	got, err := r.c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(account + ":function:f")})
	if err != nil || len(got.Tags) != 1 || got.Tags["env"] != "prod" || *got.Configuration.FunctionName != "f" || *got.Configuration.CodeSha256 != *made.CodeSha256 {
		t.Errorf("function = %+v, %v", got, err)
	}
	byTag := lambda.NewFromConfig(r.User(t, "ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"lambda:GetFunctionConfiguration","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/env":"prod"}}}}`))
	_, err = byTag.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("f")})
	garrisontest.Want(t, err, "")
	_, err = byTag.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("g")})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	list, err := r.c.ListFunctions(t.Context(), &lambda.ListFunctionsInput{MaxItems: aws.Int32(1)})
	if err != nil || len(list.Functions) != 1 || *list.Functions[0].FunctionName != "f" {
		t.Fatalf("functions = %+v, %v", list, err)
	}
	list, err = r.c.ListFunctions(t.Context(), &lambda.ListFunctionsInput{Marker: list.NextMarker})
	if err != nil || len(list.Functions) != 1 || *list.Functions[0].FunctionName != "g" || list.NextMarker != nil {
		t.Errorf("functions = %+v, %v", list, err)
	}
	settings, err := r.c.GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})
	if err != nil || settings.AccountUsage.FunctionCount != 2 || settings.AccountUsage.TotalCodeSize != made.CodeSize+list.Functions[0].CodeSize {
		t.Errorf("settings = %+v, %v", settings.AccountUsage, err)
	}
}
