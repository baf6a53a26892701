package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

func TestAudit(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 9, 17, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		name, service, op string
		in, out           any
		want              string
	}{
		{
			name: "plaintext stays out", service: "kms", op: "Encrypt",
			in: &kms.EncryptInput{
				KeyId: aws.String("alias/a"), Plaintext: []byte("secret"),
				EncryptionContext: map[string]string{"b": "2", "a": "1"}, DryRun: aws.Bool(true),
			},
			want: `{"keyId":"alias/a","encryptionContext":{"a":"1","b":"2"},"dryRun":true}`,
		},
		{
			name: "times and lists", service: "kms", op: "CreateKey",
			out: &kms.CreateKeyOutput{KeyMetadata: &types.KeyMetadata{
				KeyId: aws.String("k"), CreationDate: &at, EncryptionAlgorithms: []types.EncryptionAlgorithmSpec{"SYMMETRIC_DEFAULT"},
			}},
			want: `{"keyMetadata":{"keyId":"k","creationDate":"Mar 9, 2026, 5:04:05 PM","enabled":false,"encryptionAlgorithms":["SYMMETRIC_DEFAULT"]}}`,
		},
		{
			name: "passwords stay out", service: "iam", op: "CreateLoginProfile",
			in:   &iam.CreateLoginProfileInput{UserName: aws.String("u"), Password: aws.String("hunter2")},
			want: `{"userName":"u","passwordResetRequired":false}`,
		},
		{
			name: "secret keys and tokens stay out", service: "sts", op: "AssumeRole",
			out: &sts.AssumeRoleOutput{Credentials: &ststypes.Credentials{
				AccessKeyId: aws.String("ASIA"), SecretAccessKey: aws.String("hunter2"), SessionToken: aws.String("hunter2"), Expiration: &at,
			}},
			want: `{"credentials":{"accessKeyId":"ASIA","expiration":"Mar 9, 2026, 5:04:05 PM"}}`,
		},
		{
			name: "streams stay out", service: "s3", op: "PutObject",
			in:   &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: strings.NewReader("hunter2")},
			want: `{"bucketName":"b","key":"k"}`,
		},
		{name: "nothing to tell", service: "sts", op: "GetCallerIdentity", in: &sts.GetCallerIdentityInput{}, want: ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op, _ := bind(t, tt.service).Operation(tt.op)
			got := ""
			if tt.in != nil {
				got = string(op.AppendAuditInput(nil, tt.in))
			} else {
				got = string(op.AppendAuditOutput(nil, tt.out))
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestAuditIsJSON holds the events of random inputs of every operation to JSON's
// grammar.
func TestAuditIsJSON(t *testing.T) {
	t.Parallel()
	for name := range clients() {
		s := bind(t, name)
		table, _ := model.Lookup(name)
		g := newMaker(table, unions()[name], func(string) bool { return false })
		for op := range s.Operations() {
			m, _ := table.Operation(op.Name)
			if op.Name == "SelectObjectContent" {
				continue
			}
			in := g.value(m.Input.Shape, op.In).Example(1)
			out := g.value(m.Output.Shape, op.Out).Example(1)
			for _, event := range [][]byte{op.AppendAuditInput(nil, in), op.AppendAuditOutput(nil, out)} {
				if len(event) > 0 && !json.Valid(event) {
					t.Errorf("%s.%s: %s is no JSON", name, op.Name, event)
				}
			}
		}
	}
}
