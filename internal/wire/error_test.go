package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	awshttp "github.com/aws/smithy-go/transport/http"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// failing returns the error that an SDK client makes of what a handler returned.
func failing(t *testing.T, service string, fail error, call func(aws.Config) error) error {
	t.Helper()
	cfg := start(t, bind(t, service), func(*wire.Operation, any) (any, error) { return nil, fail })
	err := call(cfg)
	if err == nil {
		t.Fatal("no error")
	}
	return err
}

func statusOf(err error) int {
	var r *awshttp.ResponseError
	if !errors.As(err, &r) {
		return 0
	}
	return r.HTTPStatusCode()
}

func callKMS(cfg aws.Config) error {
	_, err := kms.NewFromConfig(cfg).DescribeKey(context.Background(), &kms.DescribeKeyInput{KeyId: aws.String("k")})
	return err
}

func callIAM(cfg aws.Config) error {
	_, err := iam.NewFromConfig(cfg).GetUser(context.Background(), &iam.GetUserInput{UserName: aws.String("u")})
	return err
}

func callS3(cfg aws.Config) error {
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := c.GetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
	return err
}

func callEC2(cfg aws.Config) error {
	_, err := ec2.NewFromConfig(cfg).DescribeRegions(context.Background(), nil)
	return err
}

func callCloudWatch(cfg aws.Config) error {
	_, err := cloudwatch.NewFromConfig(cfg).PutDashboard(context.Background(), &cloudwatch.PutDashboardInput{
		DashboardName: aws.String("d"), DashboardBody: aws.String("{}"),
	})
	return err
}

func callAccount(cfg aws.Config) error {
	_, err := account.NewFromConfig(cfg).ListRegions(context.Background(), nil)
	return err
}

// TestErrors sends errors of all kinds through the SDK's clients.
func TestErrors(t *testing.T) {
	t.Parallel()
	oops := errors.New("disk /dev/sda1 is on fire")
	for _, tt := range []struct {
		name, service string
		fail          error
		call          func(aws.Config) error
		code, message string
		status        int
	}{
		{"modeled", "kms", &kmstypes.NotFoundException{Message: aws.String("no key")}, callKMS, "NotFoundException", "no key", 400},
		{"modeled with a code", "iam", &iamtypes.NoSuchEntityException{Message: aws.String("no <user>")}, callIAM, "NoSuchEntity", "no <user>", 404},
		{"by its code", "iam", &smithy.GenericAPIError{Code: "NoSuchEntity", Message: "m"}, callIAM, "NoSuchEntity", "m", 404},
		{"modeled in S3", "s3", &s3types.NoSuchKey{Message: aws.String("gone")}, callS3, "NoSuchKey", "gone", 404},
		{"not in S3's model", "s3", &smithy.GenericAPIError{Code: "NoSuchBucketPolicy", Message: "m"}, callS3, "NoSuchBucketPolicy", "m", 404},
		{"EC2 has no model", "ec2", &smithy.GenericAPIError{Code: "InvalidRegion.NotFound", Message: "m"}, callEC2, "InvalidRegion.NotFound", "m", 400},
		{"the older code in CBOR", "cloudwatch", &cloudwatchtypes.DashboardInvalidInputError{Message: aws.String("bad")}, callCloudWatch, "InvalidParameterInput", "bad", 400},
		{"modeled in REST", "account", &accounttypes.TooManyRequestsException{Message: aws.String("slow")}, callAccount, "TooManyRequestsException", "slow", 429},
		{"a common one", "kms", wire.AccessDenied.In(wire.JSON11, "User: x is not authorized"), callKMS, "AccessDeniedException", "User: x is not authorized", 400},
		{"a common one in REST", "account", wire.AccessDenied.In(wire.RestJSON, "no"), callAccount, "AccessDeniedException", "no", 403},
		{"a common code", "iam", &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}, callIAM, "AccessDenied", "no", 403},
		{"internal in JSON", "kms", oops, callKMS, "InternalFailure", "The request processing has failed because of an unknown error, exception or failure.", 500},
		{"internal in S3", "s3", oops, callS3, "InternalError", "We encountered an internal error. Please try again.", 500},
		{"internal in EC2", "ec2", oops, callEC2, "InternalError", "The request processing has failed because of an unknown error, exception or failure.", 500},
		{"too late", "iam", context.DeadlineExceeded, callIAM, "ServiceUnavailable", "The request took too long.", 503},
		{"not there yet", "kms", wire.NotImplemented.In(wire.JSON11, "kms.DescribeKey is not implemented."), callKMS, "NotImplemented", "kms.DescribeKey is not implemented.", 501},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := failing(t, tt.service, tt.fail, tt.call)
			var api smithy.APIError
			if !errors.As(err, &api) {
				t.Fatalf("error %v is no API error", err)
			}
			if api.ErrorCode() != tt.code || api.ErrorMessage() != tt.message || statusOf(err) != tt.status {
				t.Errorf("got %d %s: %q, want %d %s: %q", statusOf(err), api.ErrorCode(), api.ErrorMessage(), tt.status, tt.code, tt.message)
			}
			if strings.Contains(err.Error(), "/dev/sda1") {
				t.Errorf("the reason of an internal failure went to the client: %v", err)
			}
		})
	}
}

// TestErrorMembers holds that an exception's own members arrive.
func TestErrorMembers(t *testing.T) {
	t.Parallel()
	err := failing(t, "cloudwatch", &cloudwatchtypes.DashboardInvalidInputError{
		Message:                     aws.String("bad"),
		DashboardValidationMessages: []cloudwatchtypes.DashboardValidationMessage{{DataPath: aws.String("/a"), Message: aws.String("b")}},
	}, callCloudWatch)
	var dashboard *cloudwatchtypes.DashboardInvalidInputError
	if !errors.As(err, &dashboard) || len(dashboard.DashboardValidationMessages) != 1 || *dashboard.DashboardValidationMessages[0].DataPath != "/a" {
		t.Errorf("CBOR: got %v, want the validation messages in it", err)
	}
	err = failing(t, "s3", &s3types.InvalidObjectState{
		Message: aws.String("cold"), StorageClass: s3types.StorageClassGlacier,
	}, callS3)
	var state *s3types.InvalidObjectState
	if !errors.As(err, &state) || state.StorageClass != s3types.StorageClassGlacier {
		t.Errorf("XML: got %v, want the storage class in it", err)
	}
	err = failing(t, "account", &accounttypes.ValidationException{
		Message: aws.String("bad"), FieldList: []accounttypes.ValidationExceptionField{{Name: aws.String("f"), Message: aws.String("m")}},
	}, callAccount)
	var validation *accounttypes.ValidationException
	if !errors.As(err, &validation) || len(validation.FieldList) != 1 {
		t.Errorf("JSON: got %v, want the fields in it", err)
	}
}

// TestErrorForms compares whole answers, byte for byte.
func TestErrorForms(t *testing.T) {
	t.Parallel()
	kms, iam, cloudwatch, s3 := bind(t, "kms"), bind(t, "iam"), bind(t, "cloudwatch"), bind(t, "s3")
	bad := &wire.Error{Code: "NoSuchBucket", Message: "a & b", Status: 404, Details: []wire.Detail{{Name: "BucketName", Value: "b"}}}
	var none *wire.Service
	for _, tt := range []struct {
		name     string
		response *wire.Response
		body     string
		header   http.Header
	}{
		{
			"JSON 1.1", kms.EncodeError(wire.JSON11, kms.AsError(wire.JSON11, &kmstypes.NotFoundException{Message: aws.String("no")}), "r"),
			`{"__type":"NotFoundException","message":"no"}`,
			http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amzn-Requestid": {"r"}},
		},
		{
			"JSON 1.0 has namespaces", cloudwatch.EncodeError(wire.JSON10, cloudwatch.AsError(wire.JSON10, &cloudwatchtypes.ResourceNotFound{Message: aws.String("no")}), "r"),
			`{"__type":"com.amazonaws.cloudwatch.v20100801#ResourceNotFound","message":"no"}`,
			http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Query-Error": {"ResourceNotFound;Sender"}},
		},
		{
			"JSON 1.0's common errors", cloudwatch.EncodeError(wire.JSON10, wire.MalformedBody.In(wire.JSON10, "x"), "r"),
			`{"__type":"com.amazon.coral.service#SerializationException","message":"x"}`, nil,
		},
		{
			"query", iam.EncodeError(wire.Query, iam.AsError(wire.Query, &iamtypes.EntityAlreadyExistsException{Message: aws.String("is <there>")}), "r"),
			`<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>EntityAlreadyExists</Code><Message>is &lt;there&gt;</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
			http.Header{"Content-Type": {"text/xml;charset=UTF-8"}},
		},
		{
			"query, the server's fault", iam.EncodeError(wire.Query, wire.Internal(wire.Query, io.EOF), "r"),
			`<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Receiver</Type><Code>InternalFailure</Code><Message>The request processing has failed because of an unknown error, exception or failure.</Message></Error><RequestId>r</RequestId></ErrorResponse>`, nil,
		},
		{
			"EC2", none.EncodeError(wire.EC2, wire.AccessDenied.In(wire.EC2, "no"), "r"),
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>", nil,
		},
		{
			"S3", s3.EncodeError(wire.RestXML, bad, "r"),
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code><Message>a &amp; b</Message><BucketName>b</BucketName><RequestId>r</RequestId><HostId>r</HostId></Error>",
			http.Header{"Content-Type": {"application/xml"}, "X-Amz-Request-Id": {"r"}, "X-Amz-Id-2": {"r"}},
		},
		{
			"not modified has no body", s3.EncodeError(wire.RestXML, s3.AsError(wire.RestXML, &smithy.GenericAPIError{Code: "NotModified"}), "r"), "", nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := string(tt.response.Body); got != tt.body {
				t.Errorf("body\n got %s\nwant %s", got, tt.body)
			}
			for name, want := range tt.header {
				if got := tt.response.Header[name]; len(got) != 1 || got[0] != want[0] {
					t.Errorf("header %s = %q, want %q", name, got, want)
				}
			}
		})
	}
}
