package ssm_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func newKey(t *testing.T, s *garrisontest.Server) (*kms.Client, string) {
	t.Helper()
	k := kms.NewFromConfig(s.Config)
	out, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return k, *out.KeyMetadata.Arn
}

// TestSecureStringIsOpenedAsTheCaller follows a value of either tier through KMS.
func TestSecureStringIsOpenedAsTheCaller(t *testing.T) {
	t.Parallel()
	for _, tier := range []types.ParameterTier{types.ParameterTierStandard, types.ParameterTierAdvanced} {
		t.Run(string(tier), func(t *testing.T) {
			t.Parallel()
			s, c := start(t)
			k, key := newKey(t, s)
			secret(t, c, "/app/password", "hunter2", key, tier)
			wantValue(t, c, "/app/password", "hunter2")
			e := events(t, s, "Decrypt", 1)[0]
			if e.UserIdentity.InvokedBy != "ssm.amazonaws.com" || e.RequestParameters.EncryptionContext["PARAMETER_ARN"] != arnOf("app/password") {
				t.Errorf("event of KMS: %s", e.raw)
			}
			name := map[types.ParameterTier]string{types.ParameterTierStandard: "Encrypt", types.ParameterTierAdvanced: "GenerateDataKey"}[tier]
			if e := events(t, s, name, 1)[0]; e.UserIdentity.InvokedBy != "ssm.amazonaws.com" {
				t.Errorf("event of KMS: %s", e.raw)
			}
			reader := user(t, s, "reader", allowing("*", "ssm:GetParameter"))
			out, err := reader.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/app/password")})
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := base64.StdEncoding.DecodeString(*out.Parameter.Value)
			if err != nil || len(sealed) < 50 || strings.Contains(string(sealed), "hunter2") {
				t.Errorf("sealed value = %q, %v", *out.Parameter.Value, err)
			}
			_, err = get(t, reader, "/app/password")
			if got := garrisontest.Fault(err); !strings.HasPrefix(got, "AccessDeniedException: ") || !strings.Contains(got, "kms:Decrypt") && !strings.Contains(got, "ciphertext") {
				t.Errorf("without kms:Decrypt: %q", got)
			}
			opener := user(t, s, "opener", allowing("*", "ssm:GetParameter", "kms:Decrypt"))
			wantValue(t, opener, "/app/password", "hunter2")
			if _, err := k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
				t.Fatal(err)
			}
			_, err = get(t, c, "/app/password")
			garrisontest.Want(t, err, "InvalidKeyId: "+key+" is disabled. (Service: AWSKMS; Status Code: 400; Error Code: DisabledException)")
		})
	}
}

func TestSecureStringDefaultKey(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	large := strings.Repeat("k", 8192)
	secret(t, c, "/default", "one", "", "")
	secret(t, c, "/default", large, "", types.ParameterTierAdvanced)
	wantValue(t, c, "/default:1", "one")
	wantValue(t, c, "/default", large)
	out, err := c.GetParameterHistory(t.Context(), &ssm.GetParameterHistoryInput{Name: aws.String("/default"), WithDecryption: aws.Bool(true)})
	if err != nil || len(out.Parameters) != 2 || *out.Parameters[0].Value != "one" || *out.Parameters[1].Value != large ||
		*out.Parameters[0].KeyId != "alias/aws/ssm" {
		t.Errorf("history %+v, %v", out, err)
	}
	all, err := c.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/"), WithDecryption: aws.Bool(true)})
	if err != nil || len(all.Parameters) != 1 || *all.Parameters[0].Value != large {
		t.Errorf("by path %+v, %v", all, err)
	}
	// Any principal of the account that may use Parameter Store may use its key.
	wantValue(t, user(t, s, "reader", allowing(arnOf("default"), "ssm:GetParameter")), "/default", large)
	alias := kms.NewFromConfig(s.Config)
	if _, err := alias.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/ssm")}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"PutParameter", "GetParameter", "GetParameterHistory", "Encrypt", "Decrypt"} {
		for _, e := range events(t, s, name, 1) {
			if strings.Contains(e.raw, "kkkkkkkk") {
				t.Errorf("a value is in the event of %s", name)
			}
		}
	}
	_, err = c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/default"), Value: aws.String("x"), Type: types.ParameterTypeSecureString})
	garrisontest.Want(t, err, "ParameterAlreadyExists")
}

// TestPutNeedsTheKey shows that who may not use the key can store nothing under it.
func TestPutNeedsTheKey(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	_, key := newKey(t, s)
	writer := user(t, s, "writer", allowing("*", "ssm:*"))
	_, err := writer.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("x"), Type: types.ParameterTypeSecureString, KeyId: &key})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/writer is not authorized to perform: kms:Encrypt on resource: "+key)
	_, err = get(t, writer, "/a")
	garrisontest.Want(t, err, "ParameterNotFound")
}
