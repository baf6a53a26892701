package wire_test

import (
	"bytes"
	"context"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// sdk makes the SDK's client of a service.
func sdk(name string, cfg aws.Config) any {
	cfg.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	cfg.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	switch name {
	case "account":
		return account.NewFromConfig(cfg)
	case "cloudtrail":
		return cloudtrail.NewFromConfig(cfg)
	case "cloudwatch":
		return cloudwatch.NewFromConfig(cfg)
	case "cloudwatchlogs":
		return cloudwatchlogs.NewFromConfig(cfg)
	case "ec2":
		return ec2.NewFromConfig(cfg)
	case "iam":
		return iam.NewFromConfig(cfg)
	case "kms":
		return kms.NewFromConfig(cfg)
	case "lambda":
		return lambda.NewFromConfig(cfg)
	case "s3":
		return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	case "secretsmanager":
		return secretsmanager.NewFromConfig(cfg)
	case "sns":
		return sns.NewFromConfig(cfg)
	case "sqs":
		return sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true }) // bodies are random, and so are the checksums
	case "ssm":
		return ssm.NewFromConfig(cfg)
	default:
		return sts.NewFromConfig(cfg)
	}
}

// setBySDK are members that the SDK sets or changes on the way.
func setBySDK(service string) func(string) bool {
	return func(member string) bool {
		if service != "s3" {
			return member == "PresignedUrl" || service == "lambda" && (member == "StatusCode" || member == "Status") // it is the answer's own
		}
		return strings.Contains(member, "Checksum") || strings.Contains(member, "MD5") ||
			member == "ContentLength" || member == "ContentEncoding" || member == "Expires"
	}
}

// A roundTrip sends one random input and one random output through the SDK's
// client and this package, and compares both ends.
type roundTrip struct {
	t       *testing.T
	service *wire.Service
	client  reflect.Value
	maker   *maker
	got     any
	// received is what was streamed in.
	received []byte
	out      any
}

func newRoundTrip(t *testing.T, name string) *roundTrip {
	r := &roundTrip{t: t, service: bind(t, name)}
	table, _ := model.Lookup(name)
	r.maker = newMaker(table, unions()[name], setBySDK(name))
	cfg := serve(t, &server{t: t, service: r.service, unchecked: true, answer: func(_ *wire.Operation, in any) (any, error) {
		r.got, r.received = in, contents(in)
		return r.out, nil
	}})
	cfg.RetryMaxAttempts = 3 // the connections are real, and the machine may be busy
	r.client = reflect.ValueOf(sdk(name, cfg))
	return r
}

func (r *roundTrip) run(op *wire.Operation, seed int) {
	m, _ := r.maker.table.Operation(op.Name)
	in := r.maker.value(m.Input.Shape, op.In).Example(seed)
	out := r.maker.value(m.Output.Shape, op.Out).Example(seed)
	r.got, r.out = nil, out
	sent, received := contents(in), contents(out)
	results := r.client.MethodByName(op.Name).Call([]reflect.Value{reflect.ValueOf(context.Background()), reflect.ValueOf(in)})
	if err, ok := reflect.TypeAssert[error](results[1]); ok {
		r.t.Errorf("%s (seed %d): %v", op.Name, seed, err)
		return
	}
	if diff := r.diff(in, r.got); diff != "" {
		r.t.Errorf("%s (seed %d): the input changed on the way (-sent +decoded):\n%s", op.Name, seed, diff)
	}
	if diff := r.diff(out, results[0].Interface()); diff != "" {
		r.t.Errorf("%s (seed %d): the output changed on the way (-encoded +received):\n%s", op.Name, seed, diff)
	}
	if got := r.received; sent != nil && !bytes.Equal(got, sent) {
		r.t.Errorf("%s (seed %d): streamed input %q, want %q", op.Name, seed, got, sent)
	}
	if got := contents(results[0].Interface()); received != nil && !bytes.Equal(got, received) {
		r.t.Errorf("%s (seed %d): streamed output %q, want %q", op.Name, seed, got, received)
	}
}

func (r *roundTrip) diff(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateNaNs(), cmp.FilterPath(func(p cmp.Path) bool {
		f, ok := p.Last().(cmp.StructField)
		if !ok {
			return false
		}
		name := f.Name()
		return name[0] >= 'a' && name[0] <= 'z' || name == "ResultMetadata" || name == "ExpiresString" || r.maker.skip(name)
	}, cmp.Ignore()), cmp.FilterPath(func(p cmp.Path) bool {
		t := p.Last().Type()
		return t == reflect.TypeFor[io.Reader]() || t == reflect.TypeFor[io.ReadCloser]()
	}, cmp.Ignore()))
}

// contents reads the stream in a struct, and winds a sender's back.
func contents(x any) []byte {
	v := reflect.Indirect(reflect.ValueOf(x))
	if v.Kind() != reflect.Struct {
		return nil
	}
	f := v.FieldByName("Body")
	if !f.IsValid() || f.Kind() != reflect.Interface || f.IsNil() {
		return nil
	}
	b, _ := io.ReadAll(f.Interface().(io.Reader))
	if f.Type() == reflect.TypeFor[io.ReadCloser]() {
		f.Set(reflect.ValueOf(io.NopCloser(bytes.NewReader(b))))
	} else {
		f.Set(reflect.ValueOf(bytes.NewReader(b)))
	}
	return b
}

// TestRoundTrip holds every operation of every service to the SDK's view of it.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for name := range clients() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoundTrip(t, name)
			for op := range r.service.Operations() {
				if m, _ := r.maker.table.Operation(op.Name); special[op.Name] || special[name+"."+op.Name] || m == nil {
					continue
				}
				for seed := range 2 {
					r.run(op, seed)
				}
			}
		})
	}
}

// special are operations that the SDK does not simply send: event streams, one
// that it presigns, those at endpoints of their own, and one whose list it sorts.
var special = map[string]bool{
	"SelectObjectContent": true, "WriteGetObjectResponse": true, "CopySnapshot": true, "ListDirectoryBuckets": true,
	"GetLogObject": true, "StartLiveTail": true, "InvokeWithResponseStream": true, "lambda.UntagResource": true,
}
