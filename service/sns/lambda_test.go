package sns_test

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
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// forwarder is a function that passes its event on to an HTTP server.
const forwarder = `
import json, os, urllib.request
def handler(event, context):
    urllib.request.urlopen(urllib.request.Request(os.environ["TO"], data=json.dumps(event).encode()))
`

// function makes a function that forwards to an endpoint, and returns its ARN.
func (r *rig) function(e *endpoint) string {
	r.t.Helper()
	ctx := r.t.Context()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("f.py")
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := f.Write([]byte(forwarder)); err != nil {
		r.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
	role, err := iam.NewFromConfig(r.server.Config).CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("runner"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := lambda.NewFromConfig(r.server.Config).CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("forward"), Role: role.Role.Arn, Runtime: lambdatypes.RuntimePython311, Handler: aws.String("f.handler"),
		Code: &lambdatypes.FunctionCode{ZipFile: b.Bytes()}, Environment: &lambdatypes.Environment{Variables: map[string]string{"TO": e.URL}},
	})
	if err != nil {
		r.t.Fatalf("create a function: %v", err)
	}
	return *out.FunctionArn
}

// TestLambda shows that a function gets the event that AWS's does, once its policy
// lets SNS in.
func TestLambda(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	r := newRig(t, "news", nil)
	dead := r.queue("dead", nil)
	e := newEndpoint(t)
	name := r.function(e)
	sub := r.subscribe("lambda", name, map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + queueARN("dead") + `"}`})
	r.publish(sns.PublishInput{Message: aws.String("refused")})
	r.take(dead, 1)
	_, err := lambda.NewFromConfig(r.server.Config).AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: &name, StatementId: aws.String("sns"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("sns.amazonaws.com"), SourceArn: &r.topic,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.publish(sns.PublishInput{Message: aws.String("hello")})
	var event struct {
		Records []struct {
			EventSource, EventSubscriptionArn string
			Sns                               note
		}
	}
	got := <-e.got
	if err := json.Unmarshal([]byte(got.body), &event); err != nil || len(event.Records) != 1 {
		t.Fatalf("the function got %s (%v)", got.body, err)
	}
	one := event.Records[0]
	if one.EventSource != "aws:sns" || one.EventSubscriptionArn != sub || one.Sns.Message != "hello" {
		t.Errorf("the function got %+v", one)
	}
	verify(t, one.Sns)
}
