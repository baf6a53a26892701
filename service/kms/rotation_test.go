package kms_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// rotations lists the materials of a key, all or those alone that rotations brought.
func rotations(t *testing.T, c *kms.Client, key *types.KeyMetadata, which types.IncludeKeyMaterial) []types.RotationsListEntry {
	t.Helper()
	out, err := c.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: key.KeyId, IncludeKeyMaterial: which})
	if err != nil {
		t.Fatalf("list rotations: %v", err)
	}
	return out.Rotations
}

func rotationStatus(t *testing.T, c *kms.Client, key *types.KeyMetadata) *kms.GetKeyRotationStatusOutput {
	t.Helper()
	out, err := c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
	if err != nil {
		t.Fatalf("rotation status: %v", err)
	}
	return out
}

func rotateNow(t *testing.T, c *kms.Client, key *types.KeyMetadata) {
	t.Helper()
	if _, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: key.KeyId}); err != nil {
		t.Fatalf("rotate on demand: %v", err)
	}
}

func enableRotation(t *testing.T, c *kms.Client, key *types.KeyMetadata, days *int32) {
	t.Helper()
	_, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: key.KeyId, RotationPeriodInDays: days})
	if err != nil {
		t.Fatalf("enable rotation: %v", err)
	}
}

// opensTo fails the test unless the ciphertext opens to the text.
func opensTo(t *testing.T, c *kms.Client, blob []byte, text string) *kms.DecryptOutput {
	t.Helper()
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	if err != nil || string(out.Plaintext) != text {
		t.Fatalf("decrypted %v, %v; want %q", out, err, text)
	}
	return out
}

// TestRotateOnDemand turns a key twice and opens what each material sealed.
func TestRotateOnDemand(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	var blobs [][]byte
	for i := range 3 {
		if i > 0 {
			s.Clock.Advance(time.Hour)
			rotateNow(t, c, k)
		}
		blobs = append(blobs, encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")}))
	}
	all := rotations(t, c, k, types.IncludeKeyMaterialAllKeyMaterial)
	if len(all) != 3 || len(rotations(t, c, k, "")) != 2 {
		t.Fatalf("rotations = %+v, want three materials, two of them by rotation", all)
	}
	for i, blob := range blobs {
		if got := opensTo(t, c, blob, "kept"); *got.KeyMaterialId != *all[i].KeyMaterialId {
			t.Errorf("blob %d opened with material %s, want %s", i, *got.KeyMaterialId, *all[i].KeyMaterialId)
		}
		want := types.KeyMaterialStateNonCurrent
		if i == 2 {
			want = types.KeyMaterialStateCurrent
		}
		if all[i].KeyMaterialState != want || (all[i].RotationType == types.RotationTypeOnDemand) != (i > 0) || (all[i].RotationDate != nil) != (i > 0) {
			t.Errorf("material %d = %+v, want %s", i, all[i], want)
		}
	}
	d := describe(t, c, *k.KeyId)
	if *d.CurrentKeyMaterialId != *all[2].KeyMaterialId || *d.CurrentKeyMaterialId == *k.CurrentKeyMaterialId {
		t.Errorf("current material = %s, want the third of %+v", *d.CurrentKeyMaterialId, all)
	}
}

// TestRotateOnDemandLimit takes the last of 25 rotations, and one more.
func TestRotateOnDemandLimit(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	for range 25 {
		rotateNow(t, c, k)
	}
	_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "LimitExceededException: ")
	var all []types.RotationsListEntry
	p := kms.NewListKeyRotationsPaginator(c, &kms.ListKeyRotationsInput{KeyId: k.KeyId, Limit: aws.Int32(10)})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Rotations...)
	}
	if len(all) != 25 {
		t.Errorf("%d rotations in pages, want 25", len(all))
	}
}

// TestAutomaticRotation moves the clock over two periods of 90 days.
func TestAutomaticRotation(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	begin := s.Clock.Now()
	if got := rotationStatus(t, c, k); got.KeyRotationEnabled || got.NextRotationDate != nil {
		t.Errorf("status of a new key = %+v, want none", got)
	}
	enableRotation(t, c, k, aws.Int32(90))
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})
	got := rotationStatus(t, c, k)
	if !got.KeyRotationEnabled || *got.RotationPeriodInDays != 90 || got.NextRotationDate.Sub(begin.Add(90*day)).Abs() > time.Millisecond {
		t.Errorf("status = %+v, want every 90 days from %v", got, begin)
	}
	for n := range 3 {
		eventually(t, func() bool { return len(rotations(t, c, k, "")) == n })
		if n < 2 {
			s.Clock.Advance(90 * day)
		}
	}
	for _, r := range rotations(t, c, k, "") {
		if r.RotationType != types.RotationTypeAutomatic {
			t.Errorf("rotation = %+v, want an automatic one", r)
		}
	}
	opensTo(t, c, blob, "kept")
	if got := rotationStatus(t, c, k).NextRotationDate; got.Sub(begin.Add(270*day)).Abs() > time.Second {
		t.Errorf("next rotation = %v, want %v", got, begin.Add(270*day))
	}
	_, err := c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "")
	s.Clock.Advance(90 * day)
	if got := rotationStatus(t, c, k); got.KeyRotationEnabled || got.NextRotationDate != nil {
		t.Errorf("status once disabled = %+v, want none", got)
	}
	if got := rotations(t, c, k, ""); len(got) != 2 {
		t.Errorf("rotations once disabled = %+v, want the two of before", got)
	}
}

// TestDisabledKeyIsNotRotated enables a key again after its rotation was due: it is
// then rotated once.
func TestDisabledKeyIsNotRotated(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	enableRotation(t, c, k, nil)
	disable(t, c, k)
	s.Clock.Advance(800 * day)
	if got := rotationStatus(t, c, k); !got.KeyRotationEnabled {
		t.Errorf("status of a disabled key = %+v, want it unchanged", got)
	}
	if got := rotations(t, c, k, ""); len(got) != 0 {
		t.Errorf("rotations of a disabled key = %+v, want none", got)
	}
	if _, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: k.KeyId}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(rotations(t, c, k, "")) == 1 })
	next := rotationStatus(t, c, k).NextRotationDate
	if got := next.Sub(s.Clock.Now().Add(365 * day)).Abs(); got > time.Second {
		t.Errorf("next rotation = %v, want a year from now", next)
	}
}

// TestRotationRefused tries keys that cannot be rotated.
func TestRotationRefused(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	rsa := createSpec(t, c, "RSA_2048", "ENCRYPT_DECRYPT")
	mac := createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC")
	outside := create(t, c, &kms.CreateKeyInput{Origin: "EXTERNAL"})
	for _, k := range []*types.KeyMetadata{rsa, mac, outside} {
		_, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyId})
		garrisontest.Want(t, err, "UnsupportedOperationException: "+*k.Arn)
		_, err = c.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: k.KeyId})
		garrisontest.Want(t, err, "UnsupportedOperationException: "+*k.Arn)
	}
	for _, k := range []*types.KeyMetadata{rsa, mac} {
		_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
		garrisontest.Want(t, err, "UnsupportedOperationException: "+*k.Arn)
		if got := rotationStatus(t, c, k); got.KeyRotationEnabled {
			t.Errorf("status of a key that cannot be rotated = %+v", got)
		}
	}
	k := createKey(t, c)
	for _, days := range []int32{89, 2561} {
		_, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: &days})
		garrisontest.Want(t, err, "ValidationException: 1 validation error detected: Value '")
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"},{"Effect":"Deny","Action":"kms:EnableKeyRotation",` +
		`"Resource":"*","Condition":{"NumericGreaterThan":{"kms:RotationPeriodInDays":"180"}}}]}`
	ann := user(t, s, "ann", policy)
	_, err := ann.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	_, err = ann.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyId, RotationPeriodInDays: aws.Int32(180)})
	garrisontest.Want(t, err, "")
}

// TestManagedKeyRotates sees a service's key turn after a year.
func TestManagedKeyRotates(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	d := describe(t, c, "alias/aws/s3")
	if got := rotationStatus(t, c, d); !got.KeyRotationEnabled || *got.RotationPeriodInDays != 365 {
		t.Errorf("status = %+v, want each year", got)
	}
	s.Clock.Advance(365 * day)
	eventually(t, func() bool { return *describe(t, c, *d.KeyId).CurrentKeyMaterialId != *d.CurrentKeyMaterialId })
}

func describe(t *testing.T, c *kms.Client, id string) *types.KeyMetadata {
	t.Helper()
	out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		t.Fatalf("describe %s: %v", id, err)
	}
	return out.KeyMetadata
}

// eventually waits for what the background work does.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	if !garrisontest.Eventually(done) {
		t.Fatal("it has not come about")
	}
}
