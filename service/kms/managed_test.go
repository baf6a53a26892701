package kms_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestManagedKeyIsMadeOnFirstUse through its service, once an account.
func TestManagedKeyIsMadeOnFirstUse(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	in := &sdk.GenerateDataKeyInput{KeyId: aws.String("alias/aws/s3"), KeySpec: types.DataKeySpecAes256}
	_, err := call[sdk.GenerateDataKeyOutput](d, by(account), in)
	if got, wanted := garrisontest.Fault(err), "NotFoundException: Alias "+aliasARN("alias/aws/s3")+" is not found."; got != wanted {
		t.Errorf("before its first use: %q, want %q", got, wanted)
	}
	first := mustCall[sdk.GenerateDataKeyOutput](t, d, by(account, "s3.amazonaws.com"), in)
	again := mustCall[sdk.GenerateDataKeyOutput](t, d, by(account, "s3.amazonaws.com"), in)
	if *first.KeyId != *again.KeyId {
		t.Errorf("a second key was made: %s and %s", *first.KeyId, *again.KeyId)
	}
	theirs := mustCall[sdk.GenerateDataKeyOutput](t, d, by(other, "s3.amazonaws.com"), in)
	if *theirs.KeyId == *first.KeyId {
		t.Errorf("two accounts share %s", *first.KeyId)
	}
	m := mustCall[sdk.DescribeKeyOutput](t, d, by(account), &sdk.DescribeKeyInput{KeyId: aws.String("alias/aws/s3")}).KeyMetadata
	if m.KeyManager != types.KeyManagerTypeAws || *m.Description != "Default key that protects my S3 objects when no other key is defined" {
		t.Errorf("manager %s, description %q", m.KeyManager, *m.Description)
	}
}

// TestManagedKeyServesItsServiceAlone tries every way around it.
func TestManagedKeyServesItsServiceAlone(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	made := mustCall[sdk.GenerateDataKeyOutput](t, d, by(account, "s3.amazonaws.com"),
		&sdk.GenerateDataKeyInput{KeyId: aws.String("alias/aws/s3"), KeySpec: types.DataKeySpecAes256})
	open := &sdk.DecryptInput{CiphertextBlob: made.CiphertextBlob}
	if out := mustCall[sdk.DecryptOutput](t, d, by(account, "s3.amazonaws.com"), open); string(out.Plaintext) != string(made.Plaintext) {
		t.Error("the service got another plaintext back")
	}
	_, err := call[sdk.DecryptOutput](d, by(account), open)
	refused(t, "decrypt directly", err)
	_, err = call[sdk.DecryptOutput](d, by(account, "sqs.amazonaws.com"), open)
	refused(t, "decrypt through another service", err)
	_, err = call[sdk.DecryptOutput](d, by(other, "s3.amazonaws.com"), open)
	refused(t, "decrypt for another account", err)

	id := made.KeyId
	_, err = call[sdk.ScheduleKeyDeletionOutput](d, by(account), &sdk.ScheduleKeyDeletionInput{KeyId: id})
	refused(t, "delete", err)
	_, err = call[sdk.DisableKeyOutput](d, by(account), &sdk.DisableKeyInput{KeyId: id})
	refused(t, "disable", err)
	_, err = call[sdk.PutKeyPolicyOutput](d, by(account), &sdk.PutKeyPolicyInput{KeyId: id, Policy: aws.String(allowAccount)})
	refused(t, "put a policy", err)
	_, err = call[sdk.TagResourceOutput](d, by(account), &sdk.TagResourceInput{KeyId: id, Tags: tags(1)})
	refused(t, "tag", err)
	_, err = call[sdk.CreateAliasOutput](d, by(account), &sdk.CreateAliasInput{AliasName: aws.String("alias/mine"), TargetKeyId: id})
	refused(t, "name", err)
	for what, err := range map[string]error{
		"move its alias":   second(call[sdk.UpdateAliasOutput](d, by(account), &sdk.UpdateAliasInput{AliasName: aws.String("alias/aws/s3"), TargetKeyId: id})),
		"delete its alias": second(call[sdk.DeleteAliasOutput](d, by(account), &sdk.DeleteAliasInput{AliasName: aws.String("alias/aws/s3")})),
	} {
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, "NotAuthorizedException") {
			t.Errorf("%s: %q, want NotAuthorizedException", what, got)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestManagedKeyOfEBSIsUsedThroughEC2, whose name differs from the alias's.
func TestManagedKeyOfEBSIsUsedThroughEC2(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	in := &sdk.GenerateDataKeyWithoutPlaintextInput{KeyId: aws.String("alias/aws/ebs"), KeySpec: types.DataKeySpecAes256}
	mustCall[sdk.GenerateDataKeyWithoutPlaintextOutput](t, d, by(account, "ec2.amazonaws.com"), in)
}

// TestDescribeKeyMakesManagedKey is how an account learns its id before its use.
func TestDescribeKeyMakesManagedKey(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	out, err := c.DescribeKey(t.Context(), &sdk.DescribeKeyInput{KeyId: aws.String("alias/aws/dynamodb")})
	if err != nil || out.KeyMetadata.KeyManager != types.KeyManagerTypeAws {
		t.Fatalf("describe: %v, %v", out, err)
	}
	_, err = c.DescribeKey(t.Context(), &sdk.DescribeKeyInput{KeyId: aws.String("alias/aws/nothing")})
	garrisontest.Want(t, err, "NotFoundException: Alias "+aliasARN("alias/aws/nothing")+" is not found.")
	policy, err := c.GetKeyPolicy(t.Context(), &sdk.GetKeyPolicyInput{KeyId: out.KeyMetadata.KeyId})
	if err != nil || !strings.Contains(*policy.Policy, `"kms:ViaService" : "dynamodb.`+garrisontest.Region+`.amazonaws.com"`) {
		t.Errorf("policy = %v, %v", policy, err)
	}
	_, err = c.Encrypt(t.Context(), &sdk.EncryptInput{KeyId: out.KeyMetadata.KeyId, Plaintext: []byte("x")})
	garrisontest.Want(t, err, "AccessDeniedException: ")
}
