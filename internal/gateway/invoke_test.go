package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// nested makes kms:CreateKey call s3:CreateBucket, which calls kms:DescribeKey.
// It returns where the innermost call's chain of services will be.
func (r *rig) nested() *[]string {
	var via []string
	r.createKey = func(ctx context.Context, _ *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
		out, err := gateway.Invoke[s3.CreateBucketOutput](ctx, r.Gateway, &s3.CreateBucketInput{Bucket: aws.String("inner")})
		if err != nil {
			return nil, err
		}
		return &kms.CreateKeyOutput{KeyMetadata: &types.KeyMetadata{KeyId: out.Location}}, nil
	}
	r.createBucket = func(ctx context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
		_, err := gateway.Invoke[kms.DescribeKeyOutput](ctx, r.Gateway, &kms.DescribeKeyInput{KeyId: in.Bucket})
		return &s3.CreateBucketOutput{Location: in.Bucket}, err
	}
	r.describeKey = func(ctx context.Context, _ *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
		call := wire.CallFrom(ctx)
		via = slices.Clone(call.Via)
		return &kms.DescribeKeyOutput{}, call.Check(ctx, authz.Any())
	}
	return &via
}

// TestInvokeNests follows one call through three services: each is authorized as
// the caller and recorded, and knows who called on whose behalf.
func TestInvokeNests(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`["kms:CreateKey","s3:CreateBucket","kms:DescribeKey"]`))
	r.keep(t)
	via := r.nested()
	if status, answer := r.call(t, "AKIAann", "CreateKey", "{}"); status != http.StatusOK || !strings.Contains(answer, `"KeyId":"inner"`) {
		t.Fatalf("CreateKey = %d %s", status, answer)
	}
	if want := []string{"kms.amazonaws.com", "s3.amazonaws.com"}; !slices.Equal(*via, want) {
		t.Errorf("Via of the innermost call = %v, want %v", *via, want)
	}
	got := map[string]event{}
	for _, e := range events(t, r.logs[home], home) {
		got[e.EventName] = e
	}
	for name, want := range map[string]event{
		"CreateKey":    {EventSource: "kms.amazonaws.com", SourceIPAddress: "192.0.2.1"},
		"CreateBucket": {EventSource: "s3.amazonaws.com", SourceIPAddress: "kms.amazonaws.com"},
		"DescribeKey":  {EventSource: "kms.amazonaws.com", SourceIPAddress: "s3.amazonaws.com"},
	} {
		e := got[name]
		if e.EventSource != want.EventSource || e.SourceIPAddress != want.SourceIPAddress || e.ErrorCode != "" {
			t.Errorf("event %s = %+v, want source %s from %s", name, e, want.EventSource, want.SourceIPAddress)
		}
		if e.UserIdentity.ARN != "arn:aws:iam::"+account+":user/ann" {
			t.Errorf("event %s is by %s, want the caller", name, e.UserIdentity.ARN)
		}
		if by := want.SourceIPAddress; strings.HasSuffix(by, "amazonaws.com") && e.UserIdentity.InvokedBy != by {
			t.Errorf("event %s: invokedBy = %q, want %q", name, e.UserIdentity.InvokedBy, by)
		}
	}
	if got["CreateKey"].UserIdentity.InvokedBy != "" {
		t.Errorf("the caller's own call has invokedBy %q", got["CreateKey"].UserIdentity.InvokedBy)
	}
	if got["CreateBucket"].RequestParameters["bucketName"] != "inner" && got["CreateBucket"].RequestParameters["bucket"] != "inner" {
		t.Errorf("requestParameters of CreateBucket = %v", got["CreateBucket"].RequestParameters)
	}
}

// TestInvokeDenied refuses the innermost call: the caller is told, each event
// says so in its own service's words, and a call in process has no more rights
// than its caller.
func TestInvokeDenied(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`["kms:CreateKey","s3:CreateBucket"]`))
	r.keep(t)
	via := r.nested()
	status, answer := r.call(t, "AKIAann", "CreateKey", "{}")
	want := "User: arn:aws:iam::" + account + ":user/ann is not authorized to perform: kms:DescribeKey on resource: arn:aws:kms:us-east-1:" +
		account + ":key/inner because no identity-based policy allows the kms:DescribeKey action"
	if status != http.StatusBadRequest || !strings.Contains(answer, "AccessDeniedException") || !strings.Contains(answer, want) {
		t.Errorf("CreateKey = %d %s, want AccessDeniedException: %s", status, answer, want)
	}
	if *via != nil {
		t.Error("the denied handler ran")
	}
	codes := map[string]string{}
	for _, e := range events(t, r.logs[home], home) {
		codes[e.EventName] = e.ErrorCode
		if e.ErrorMessage != want {
			t.Errorf("errorMessage of %s = %q, want %q", e.EventName, e.ErrorMessage, want)
		}
	}
	for name, code := range map[string]string{"CreateKey": "AccessDeniedException", "CreateBucket": "AccessDenied", "DescribeKey": "AccessDeniedException"} {
		if codes[name] != code {
			t.Errorf("errorCode of %s = %q, want %q", name, codes[name], code)
		}
	}
}

// TestInvokeUnknown calls what no service here takes.
func TestInvokeUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`))
	r.keep(t)
	var got error
	r.createKey = func(ctx context.Context, _ *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
		_, got = gateway.Invoke[sts.GetCallerIdentityOutput](ctx, r.Gateway, &sts.GetCallerIdentityInput{})
		return nil, got
	}
	status, answer := r.call(t, "AKIAann", "CreateKey", "{}")
	if got == nil || !strings.Contains(got.Error(), "GetCallerIdentityInput") {
		t.Errorf("Invoke = %v, want an error that names the input", got)
	}
	if status != http.StatusInternalServerError || strings.Contains(answer, "GetCallerIdentityInput") {
		t.Errorf("answer = %d %s, want a 500 that tells nothing", status, answer)
	}
}

// TestInvokeGlobal calls a global service from another Region: it acts and is
// recorded at home, as when it is called from outside.
func TestInvokeGlobal(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`))
	r.keep(t)
	region := ""
	r.createUser = func(ctx context.Context, _ *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
		region = wire.CallFrom(ctx).Region
		return &iam.CreateUserOutput{}, nil
	}
	r.createKey = func(ctx context.Context, _ *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
		_, err := gateway.Invoke[iam.CreateUserOutput](ctx, r.Gateway, &iam.CreateUserInput{UserName: aws.String("bob")})
		return &kms.CreateKeyOutput{}, err
	}
	if status, answer := r.callIn(t, abroad, "AKIAann", "CreateKey", "{}"); status != http.StatusOK {
		t.Fatalf("CreateKey = %d %s", status, answer)
	}
	if region != home {
		t.Errorf("the global call's Region = %s, want %s", region, home)
	}
	for l, want := range map[string]string{home: "CreateUser", abroad: "CreateKey"} {
		if got := events(t, r.logs[l], l); len(got) != 1 || got[0].EventName != want || got[0].AWSRegion != l {
			t.Errorf("events in %s = %+v, want %s", l, got, want)
		}
	}
}

// TestInvokePanics breaks the inner call: the outer one sees an error, and both
// are recorded as failures.
func TestInvokePanics(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`))
	r.keep(t)
	r.createBucket = func(context.Context, *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
		panic("broken invariant")
	}
	caught := errors.New("none")
	r.createKey = func(ctx context.Context, _ *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
		_, caught = gateway.Invoke[s3.CreateBucketOutput](ctx, r.Gateway, &s3.CreateBucketInput{Bucket: aws.String("b")})
		return nil, caught
	}
	status, answer := r.call(t, "AKIAann", "CreateKey", "{}")
	if status != http.StatusInternalServerError || strings.Contains(answer, "broken invariant") {
		t.Errorf("CreateKey = %d %s, want a 500 that tells nothing", status, answer)
	}
	if caught == nil || !strings.Contains(caught.Error(), "broken invariant") {
		t.Errorf("the outer handler saw %v, want the panic as an error", caught)
	}
	for _, e := range events(t, r.logs[home], home) {
		if want := map[string]string{"CreateKey": "InternalFailure", "CreateBucket": "InternalError"}[e.EventName]; e.ErrorCode != want {
			t.Errorf("errorCode of %s = %q, want %q", e.EventName, e.ErrorCode, want)
		}
		if strings.Contains(e.ErrorMessage, "broken invariant") {
			t.Errorf("the event of %s tells the panic: %s", e.EventName, e.ErrorMessage)
		}
	}
}
