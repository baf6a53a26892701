package wire_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

func TestNewServiceRefuses(t *testing.T) {
	t.Parallel()
	encrypt := operation[kms.EncryptInput, kms.EncryptOutput]("Encrypt")
	for _, tt := range []struct {
		name, service string
		ops           []wire.Operation
		want          string
	}{
		{"no such service", "telegraph", nil, "telegraph: no model of that service"},
		{"no such operation", "kms", []wire.Operation{operation[kms.EncryptInput, kms.EncryptOutput]("Scramble")}, "kms: operation Scramble: not in AWS's model"},
		{"the wrong input", "kms", []wire.Operation{operation[kms.DecryptInput, kms.EncryptOutput]("Encrypt")}, "EncryptRequest.Plaintext: kms.DecryptInput has no field for it"},
		{"twice", "kms", []wire.Operation{encrypt, encrypt}, "kms: operation Encrypt is given twice"},
		{
			"an unknown union", "s3",
			[]wire.Operation{{Name: "Encrypt"}},
			"not in AWS's model",
		},
	} {
		_, err := wire.NewService(tt.service, tt.ops)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q in it", tt.name, err, tt.want)
		}
	}
}

func TestServiceFacts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, principal, prefix string
		protocols               []wire.Protocol
	}{
		{"kms", "kms.amazonaws.com", "kms", []wire.Protocol{wire.JSON11}},
		{"iam", "iam.amazonaws.com", "iam", []wire.Protocol{wire.Query}},
		{"s3", "s3.amazonaws.com", "s3", []wire.Protocol{wire.RestXML}},
		{"ec2", "ec2.amazonaws.com", "ec2", []wire.Protocol{wire.EC2}},
		{"account", "account.amazonaws.com", "account", []wire.Protocol{wire.RestJSON}},
		{"cloudwatch", "monitoring.amazonaws.com", "cloudwatch", []wire.Protocol{wire.CBOR, wire.JSON10, wire.Query}},
	} {
		s := bind(t, tt.name)
		if s.Name() != tt.name || s.Principal() != tt.principal || s.IAMPrefix() != tt.prefix || !slices.Equal(s.Protocols(), tt.protocols) {
			t.Errorf("%s: %s, %s, %v, want %s, %s, %v", s.Name(), s.Principal(), s.IAMPrefix(), s.Protocols(), tt.principal, tt.prefix, tt.protocols)
		}
	}
	s := mustService(t, "kms", []wire.Operation{operation[kms.EncryptInput, kms.EncryptOutput]("Encrypt")})
	if _, ok := s.Operation("Decrypt"); ok || !s.Modeled("Decrypt") || s.Modeled("Scramble") {
		t.Error("Decrypt is modeled and not served, and Scramble is neither")
	}
}

func TestOp(t *testing.T) {
	t.Parallel()
	op := wire.Op(
		func(_ context.Context, in *kms.EncryptInput) (authz.Target, error) { return authz.On(*in.KeyId), nil },
		func(_ context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
			if in.Plaintext == nil {
				return nil, io.EOF
			}
			return &kms.EncryptOutput{KeyId: in.KeyId}, nil
		}, wire.ReadOnly)
	in := &kms.EncryptInput{KeyId: aws.String("k")}
	target, err := op.Target(t.Context(), in)
	if op.Name != "Encrypt" || !op.ReadOnly || target.Resource != "k" || err != nil {
		t.Errorf("Op = %s %t, target %+v, %v", op.Name, op.ReadOnly, target, err)
	}
	if out, err := op.Handle(t.Context(), in); out != nil || err == nil {
		t.Errorf("a failing handler = %v, %v, want no output at all", out, err)
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	s := bind(t, "s3")
	for name, want := range map[string]bool{"PutObject": true, "UploadPart": true, "CreateBucket": false, "GetObject": false} {
		if op, _ := s.Operation(name); op.Streams() != want {
			t.Errorf("%s streams: %t, want %t", name, op.Streams(), want)
		}
	}
	sts := bind(t, "sts")
	for name, want := range map[string]bool{"AssumeRoleWithWebIdentity": true, "AssumeRole": false} {
		if op, _ := sts.Operation(name); op.Unauthenticated() != want {
			t.Errorf("%s needs no signature: %t, want %t", name, op.Unauthenticated(), want)
		}
	}
	e := decode(t, s, wire.RestXML, "SelectObjectContent", &wire.Request{})
	if e == nil || e.Code != "NotImplemented" || e.Status != 501 {
		t.Errorf("an event stream: %v, want NotImplemented", e)
	}
}

// TestHeadTellsOfTheBody holds that an object's length arrives without its body.
func TestHeadTellsOfTheBody(t *testing.T) {
	t.Parallel()
	cfg := start(t, bind(t, "s3"), func(*wire.Operation, any) (any, error) {
		return &s3.HeadObjectOutput{ContentLength: aws.Int64(4096)}, nil
	})
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	out, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
	if err != nil || aws.ToInt64(out.ContentLength) != 4096 {
		t.Errorf("HeadObject = %+v, %v, want a length of 4096", out, err)
	}
}

// TestBucketLocation holds S3's one answer whose root is a scalar.
func TestBucketLocation(t *testing.T) {
	t.Parallel()
	cfg := start(t, bind(t, "s3"), func(*wire.Operation, any) (any, error) {
		return &s3.GetBucketLocationOutput{LocationConstraint: "eu-central-1"}, nil
	})
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	out, err := c.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: aws.String("b")})
	if err != nil || out.LocationConstraint != "eu-central-1" {
		t.Errorf("GetBucketLocation = %+v, %v", out, err)
	}
}

// TestHeadersCannotBeSplit sends a line break where a header's value is to be.
func TestHeadersCannotBeSplit(t *testing.T) {
	t.Parallel()
	s := bind(t, "s3")
	op, _ := s.Operation("HeadObject")
	r, err := s.Encode(wire.RestXML, op, &s3.HeadObjectOutput{
		CacheControl: aws.String("a\r\nSet-Cookie: b"), Metadata: map[string]string{"x": "y\nz"},
	}, requestID)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, values := range r.Header {
		got[name] = strings.Join(values, ",")
	}
	// S3 writes metadata in lower case, and botocore keeps the case that it sees.
	for name, want := range map[string]string{"Cache-Control": "a  Set-Cookie: b", "x-amz-meta-x": "y z"} {
		if got[name] != want {
			t.Errorf("header %s = %q, want %q", name, got[name], want)
		}
	}
}

// TestKMSRoundTripProperty is TestRoundTrip with as many inputs as rapid likes.
func TestKMSRoundTripProperty(t *testing.T) {
	t.Parallel()
	trip := newRoundTrip(t, "kms")
	table, _ := model.Lookup("kms")
	names := []string{}
	for op := range table.Operations() {
		names = append(names, op.Name)
	}
	rapid.Check(t, func(rt *rapid.T) {
		op, _ := trip.service.Operation(rapid.SampledFrom(names).Draw(rt, "operation"))
		trip.run(op, rapid.IntRange(0, 1<<20).Draw(rt, "seed"))
	})
}

// TestEC2IsCheap holds what two served operations of EC2's 765 make in memory.
func TestEC2IsCheap(t *testing.T) {
	wire.Forget()
	got := testing.AllocsPerRun(1, func() {
		wire.Forget()
		mustService(t, "ec2", []wire.Operation{
			operation[ec2.DescribeRegionsInput, ec2.DescribeRegionsOutput]("DescribeRegions"),
			operation[ec2.DescribeAvailabilityZonesInput, ec2.DescribeAvailabilityZonesOutput]("DescribeAvailabilityZones"),
		})
	})
	if got > 5000 {
		t.Errorf("binding two operations of EC2 makes %v allocations, as if its whole model were read", got)
	}
}
