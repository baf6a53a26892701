package lambda_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

const (
	account = garrisontest.Account
	other   = garrisontest.OtherAccount
	region  = garrisontest.Region
)

// A rig is a server with a role that functions can have.
type rig struct {
	*garrisontest.Server
	c    *lambda.Client
	role string
}

// uids gives each server's functions users of their own.
var uids atomic.Int64

// start runs a server. The role may do what policy allows; empty lets it write logs.
func start(t testing.TB, policy string) *rig {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	uid := 1879200000 + int(uids.Add(1))*1000
	s := garrisontest.Start(t, func(c *server.Config) { c.FunctionUID = uid })
	r := &rig{Server: s, c: lambda.NewFromConfig(s.Config)}
	if policy == "" {
		policy = allowing("logs:*")
	}
	r.role = r.newRole(t, "runner", "lambda.amazonaws.com", policy)
	return r
}

func (r *rig) newRole(t testing.TB, name, trusts, policy string) string {
	t.Helper()
	c := iam.NewFromConfig(r.Config)
	out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"` + trusts + `"},"Action":"sts:AssumeRole"}}`)})
	if err != nil {
		t.Fatalf("create role %s: %v", name, err)
	}
	_, err = c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("inline"), PolicyDocument: &policy})
	if err != nil {
		t.Fatalf("put the policy of role %s: %v", name, err)
	}
	return *out.Role.Arn
}

// allowing is an IAM policy that allows actions on everything.
func allowing(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}}`
}

// pack makes a deployment package of one file.
func pack(t testing.TB, name, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(os.FileMode(0o755))
	f, err := w.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// python is a CreateFunction of a Python module.
func (r *rig) python(t testing.TB, name, body string) *lambda.CreateFunctionInput {
	t.Helper()
	return &lambda.CreateFunctionInput{
		FunctionName: &name, Role: &r.role, Runtime: types.RuntimePython311, Handler: aws.String("f.handler"),
		Code: &types.FunctionCode{ZipFile: pack(t, "f.py", body)}, Timeout: aws.Int32(10),
	}
}

func (r *rig) create(t testing.TB, in *lambda.CreateFunctionInput) *lambda.CreateFunctionOutput {
	t.Helper()
	out, err := r.c.CreateFunction(t.Context(), in)
	if err != nil {
		t.Fatalf("create function %s: %v", *in.FunctionName, err)
	}
	return out
}

func (r *rig) invoke(t testing.TB, name, payload string) *lambda.InvokeOutput {
	t.Helper()
	out, err := r.c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(payload), LogType: types.LogTypeTail})
	if err != nil {
		t.Fatalf("invoke %s: %v", name, err)
	}
	return out
}

// tail is the log that came with an answer.
func tail(t testing.TB, out *lambda.InvokeOutput) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// member reads one member of a JSON answer as text.
func member(t testing.TB, payload []byte, name string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatalf("payload %s: %v", payload, err)
	}
	return strings.Trim(string(m[name]), `"`)
}

// TestCreateAndInvoke is the narrowest way through.
func TestCreateAndInvoke(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	made := r.create(t, r.python(t, "hello", `
import os
def handler(event, context):
    print("hello", event["name"])
    return {"greeting": "hello " + event["name"], "arn": context.invoked_function_arn, "key": os.environ["AWS_ACCESS_KEY_ID"], "region": os.environ["AWS_REGION"]}
`))
	name := "arn:aws:lambda:us-east-1:111122223333:function:hello"
	if *made.FunctionArn != name || made.State != types.StateActive || *made.Version != "$LATEST" || *made.Timeout != 10 || *made.MemorySize != 128 {
		t.Errorf("made %+v", made)
	}
	out := r.invoke(t, "hello", `{"name":"world"}`)
	if out.StatusCode != 200 || out.FunctionError != nil || member(t, out.Payload, "greeting") != "hello world" ||
		member(t, out.Payload, "arn") != name || !strings.HasPrefix(member(t, out.Payload, "key"), "ASIA") || *out.ExecutedVersion != "$LATEST" {
		t.Errorf("answer = %s %s, log %s", out.Payload, aws.ToString(out.FunctionError), tail(t, out))
	}
	if log := tail(t, out); !strings.Contains(log, "hello world\nEND RequestId: ") || !strings.Contains(log, "REPORT RequestId: ") {
		t.Errorf("log = %q", log)
	}
}
