package kms_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const day = 24 * time.Hour

func TestDeletionWindow(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	for _, tt := range []struct {
		days *int32
		want int32
		err  string
	}{
		{nil, 30, ""},
		{aws.Int32(7), 7, ""},
		{aws.Int32(30), 30, ""},
		{aws.Int32(6), 0, "ValidationException: "},
		{aws.Int32(31), 0, "ValidationException: "},
		{aws.Int32(0), 0, "ValidationException: 1 validation error detected: Value '0' at 'pendingWindowInDays'"},
	} {
		k := createKey(t, c)
		out, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: tt.days})
		garrisontest.Want(t, err, tt.err)
		if err != nil {
			continue
		}
		at := s.Clock.Now().Add(time.Duration(tt.want) * day)
		if *out.PendingWindowInDays != tt.want || out.DeletionDate.Sub(at).Abs() > time.Millisecond {
			t.Errorf("window = %d days until %v, want %d until %v", *out.PendingWindowInDays, out.DeletionDate, tt.want, at)
		}
		if *out.KeyId != *k.Arn || out.KeyState != types.KeyStatePendingDeletion {
			t.Errorf("answer = %s, %s", *out.KeyId, out.KeyState)
		}
	}
}

// TestDeletionEndsAKey looks at a key one second before its window ends, and at
// the very end.
func TestDeletionEndsAKey(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k, kept := createKey(t, c), createKey(t, c)
	createAlias(t, c, "alias/app", k)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("lost")})
	schedule(t, c, k, 7)

	s.Clock.Advance(7*day - time.Second)
	out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/app")})
	if err != nil || out.KeyMetadata.KeyState != types.KeyStatePendingDeletion {
		t.Fatalf("before the end: %v, %v", out, err)
	}

	s.Clock.Advance(time.Second)
	missing := "NotFoundException: Key '" + *k.Arn + "' does not exist"
	_, err = c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, missing)
	_, err = c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/app")})
	garrisontest.Want(t, err, "NotFoundException: Alias "+aliasARN("alias/app")+" is not found.")
	_, err = c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, missing)
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, "AccessDeniedException: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: k.KeyId})
	garrisontest.Want(t, err, missing)
	keys, err := c.ListKeys(t.Context(), &kms.ListKeysInput{})
	if err != nil || len(keys.Keys) != 1 || *keys.Keys[0].KeyId != *kept.KeyId {
		t.Errorf("keys = %v, %v; want the other alone", keys, err)
	}
	aliases, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{})
	if err != nil || len(aliases.Aliases) != 0 {
		t.Errorf("aliases = %v, %v; want none", aliases, err)
	}
	// Its name is free again at once.
	createAlias(t, c, "alias/app", kept)
}

// TestCancelKeyDeletion brings a key back, disabled and whole.
func TestCancelKeyDeletion(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})
	schedule(t, c, k, 7)
	out, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: k.KeyId})
	if err != nil || *out.KeyId != *k.Arn {
		t.Fatalf("cancel: %v, %v", out, err)
	}
	s.Clock.Advance(8 * day)
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, "DisabledException: "+*k.Arn+" is disabled.")
	_, err = c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "")
	plain, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	if err != nil || string(plain.Plaintext) != "kept" {
		t.Errorf("decrypted %v, %v", plain, err)
	}
}
