package eventbridge_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// echo is a function that posts its event to an HTTP server.
const echo = `
import json, os, urllib.request
def handler(event, context):
    urllib.request.urlopen(urllib.request.Request(os.environ["TO"], data=json.dumps(event).encode()))
`

// function makes a function that posts to a URL, and returns its ARN.
func (w *world) function(to string) string {
	w.t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("f.py")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.Write([]byte(echo)); err != nil {
		w.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		w.t.Fatal(err)
	}
	role, err := iam.NewFromConfig(w.Config).CreateRole(w.t.Context(), &iam.CreateRoleInput{RoleName: aws.String("runner"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := lambda.NewFromConfig(w.Config).CreateFunction(w.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("echo"), Role: role.Role.Arn, Runtime: lambdatypes.RuntimePython311, Handler: aws.String("f.handler"),
		Code: &lambdatypes.FunctionCode{ZipFile: b.Bytes()}, Environment: &lambdatypes.Environment{Variables: map[string]string{"TO": to}},
	})
	if err != nil {
		w.t.Fatalf("create a function: %v", err)
	}
	return *out.FunctionArn
}

// TestFunction calls a function once its policy lets the rule in.
func TestFunction(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	w := start(t)
	letters, lettersARN := w.queue("letters")
	calls := make(chan call, 1)
	name := w.function(serve(t, recorder(calls)))
	w.rule("", "r", `{"source":["a"]}`, withLetters(target("1", name), lettersARN, 0))
	w.put(entry("a", "refused", "{}"))
	if m := w.receive(letters); *m.MessageAttributes["ERROR_CODE"].StringValue != "NO_PERMISSIONS" {
		t.Errorf("attributes = %v", m.MessageAttributes)
	}
	if _, err := lambda.NewFromConfig(w.Config).AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: &name, StatementId: aws.String("events"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"),
		SourceArn: aws.String(arnOf("events", "rule/r")),
	}); err != nil {
		t.Fatal(err)
	}
	id := w.put(entry("a", "taken", `{"n":1}`))
	var got envelope
	if err := json.Unmarshal([]byte((<-calls).body), &got); err != nil || got.ID != id || got.DetailType != "taken" {
		t.Errorf("the function got %+v, %v", got, err)
	}
}
