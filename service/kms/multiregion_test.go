package kms_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

const (
	elsewhere = garrisontest.OtherRegion
	third     = "ap-southeast-2"
)

// regions runs a server of three Regions, and returns a client of each.
func regions(t *testing.T) (s *garrisontest.Server, one, two, three *kms.Client) {
	t.Helper()
	s = garrisontest.Start(t, func(c *server.Config) { c.Regions = []string{region, elsewhere, third} })
	in := func(r string) *kms.Client { return kms.NewFromConfig(s.ConfigFor(account, r)) }
	return s, in(region), in(elsewhere), in(third)
}

func createMulti(t *testing.T, c *kms.Client) *types.KeyMetadata {
	t.Helper()
	return create(t, c, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
}

// replicate replicates a key and waits until its replica can be used.
func replicate(t *testing.T, from *kms.Client, key *types.KeyMetadata, to *kms.Client) {
	t.Helper()
	in := &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: aws.String(to.Options().Region)}
	if _, err := from.ReplicateKey(t.Context(), in); err != nil {
		t.Fatalf("replicate to %s: %v", *in.ReplicaRegion, err)
	}
	eventually(t, func() bool {
		_, err := to.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId})
		return err == nil
	})
}

// kin are the primary's Region and the replicas' of a key, as one Region sees them.
func kin(t *testing.T, c *kms.Client, key *types.KeyMetadata) string {
	t.Helper()
	m := describe(t, c, *key.KeyId).MultiRegionConfiguration
	out := []string{string(m.MultiRegionKeyType), *m.PrimaryKey.Region}
	for _, r := range m.ReplicaKeys {
		out = append(out, *r.Region)
	}
	return strings.Join(out, " ")
}

// TestReplicate makes a replica and opens in each Region what the other sealed.
func TestReplicate(t *testing.T) {
	t.Parallel()
	s, one, two, _ := regions(t)
	k := createMulti(t, one)
	if !strings.HasPrefix(*k.KeyId, "mrk-") || len(*k.KeyId) != 36 || !*k.MultiRegion || kin(t, one, k) != "PRIMARY us-east-1" {
		t.Errorf("key = %+v, want a multi-Region primary", k)
	}
	before := encrypt(t, one, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("before")})
	_, err := two.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: before})
	garrisontest.Want(t, err, "AccessDeniedException: ")

	policy := strings.ReplaceAll(allowAccount, "root", "root")
	out, err := one.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{
		KeyId: k.KeyId, ReplicaRegion: aws.String(elsewhere), Description: aws.String("the other"), Policy: &policy, Tags: tags(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := strings.Replace(*k.Arn, region, elsewhere, 1)
	if m := out.ReplicaKeyMetadata; *m.Arn != arn || m.KeyState != types.KeyStateCreating || *m.Description != "the other" ||
		m.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypeReplica || *out.ReplicaPolicy != policy || len(out.ReplicaTags) != 2 {
		t.Errorf("replica = %+v", m)
	}
	eventually(t, func() bool {
		_, err := two.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
		return err == nil
	})
	d := describe(t, two, *k.KeyId)
	if *d.Arn != arn || d.KeyState != types.KeyStateEnabled || *d.Description != "the other" || *d.CurrentKeyMaterialId != *k.CurrentKeyMaterialId {
		t.Errorf("replica = %+v", d)
	}
	if got, want := kin(t, two, k), "REPLICA us-east-1 eu-west-1"; got != want {
		t.Errorf("relatives as the replica sees them = %q, want %q", got, want)
	}
	opensTo(t, two, before, "before")
	opensTo(t, one, encrypt(t, two, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("after")}), "after")

	_, err = one.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String(elsewhere)})
	garrisontest.Want(t, err, "AlreadyExistsException: ")
	_, err = two.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String(third)})
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
	_, err = one.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String("eu-west-3")})
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
	_, err = one.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: createKey(t, one).KeyId, ReplicaRegion: aws.String(elsewhere)})
	garrisontest.Want(t, err, "UnsupportedOperationException: ")

	// Each has a state, a policy and aliases of its own.
	disable(t, one, k)
	opensTo(t, two, before, "before")
	createAlias(t, two, "alias/there", d)
	_, err = one.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/there")})
	garrisontest.Want(t, err, "NotFoundException: ")

	lookup := user(t, s, "ann", allowing("kms:ReplicateKey"))
	_, err = lookup.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: createMulti(t, one).KeyId, ReplicaRegion: aws.String(elsewhere)})
	garrisontest.Want(t, err, "AccessDeniedException: ")
}

// TestReplicasRotate turns the primary by demand and by plan: each Region opens what
// any has sealed, at every moment.
func TestReplicasRotate(t *testing.T) {
	t.Parallel()
	s, one, two, three := regions(t)
	k := createMulti(t, one)
	enableRotation(t, one, k, aws.Int32(90))
	replicate(t, one, k, two)
	replicate(t, one, k, three)
	everywhere := []*kms.Client{one, two, three}
	_, err := two.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
	_, err = two.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
	if got := rotationStatus(t, two, k); !got.KeyRotationEnabled || *got.RotationPeriodInDays != 90 {
		t.Errorf("the replica's status = %+v, want the primary's", got)
	}
	for n := range 4 {
		if n%2 == 0 {
			rotateNow(t, one, k)
		} else {
			s.Clock.Advance(90 * day)
		}
		for _, c := range everywhere {
			blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("now")})
			for _, o := range everywhere {
				opensTo(t, o, blob, "now")
			}
		}
		for _, c := range everywhere {
			eventually(t, func() bool { return len(rotations(t, c, k, "")) == n+1 })
		}
		eventually(t, func() bool { return rotationStatus(t, one, k).OnDemandRotationStartDate == nil })
	}
	for _, c := range everywhere {
		if got, want := *describe(t, c, *k.KeyId).CurrentKeyMaterialId, *describe(t, one, *k.KeyId).CurrentKeyMaterialId; got != want {
			t.Errorf("current material in %s = %s, want %s", c.Options().Region, got, want)
		}
	}
}

// TestUpdatePrimaryRegion hands a key over twice.
func TestUpdatePrimaryRegion(t *testing.T) {
	t.Parallel()
	_, one, two, three := regions(t)
	k := createMulti(t, one)
	_, err := one.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: aws.String(elsewhere)})
	garrisontest.Want(t, err, "NotFoundException: ")
	replicate(t, one, k, two)
	replicate(t, one, k, three)
	for _, step := range []struct {
		from, to *kms.Client
		sees     map[*kms.Client]string
	}{
		{one, two, map[*kms.Client]string{
			one: "REPLICA eu-west-1 ap-southeast-2 us-east-1", two: "PRIMARY eu-west-1 ap-southeast-2 us-east-1", three: "REPLICA eu-west-1 ap-southeast-2 us-east-1",
		}},
		{two, three, map[*kms.Client]string{
			one: "REPLICA ap-southeast-2 eu-west-1 us-east-1", two: "REPLICA ap-southeast-2 eu-west-1 us-east-1", three: "PRIMARY ap-southeast-2 eu-west-1 us-east-1",
		}},
	} {
		_, err := step.from.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: k.KeyId, PrimaryRegion: aws.String(step.to.Options().Region)})
		garrisontest.Want(t, err, "")
		for c, wanted := range step.sees {
			eventually(t, func() bool {
				return kin(t, c, k) == wanted && describe(t, c, *k.KeyId).KeyState == types.KeyStateEnabled
			})
		}
		_, err = step.from.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyId})
		garrisontest.Want(t, err, "UnsupportedOperationException: ")
		rotateNow(t, step.to, k)
		eventually(t, func() bool { return rotationStatus(t, step.to, k).OnDemandRotationStartDate == nil })
		blob := encrypt(t, step.to, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("new")})
		opensTo(t, step.from, blob, "new")
	}
}

// TestPrimaryOutlivesReplicas schedules the deletion of a primary first.
func TestPrimaryOutlivesReplicas(t *testing.T) {
	t.Parallel()
	s, one, two, three := regions(t)
	k := createMulti(t, one)
	replicate(t, one, k, two)
	replicate(t, one, k, three)
	out, err := one.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: k.KeyId, PendingWindowInDays: aws.Int32(10)})
	if err != nil || out.KeyState != types.KeyStatePendingReplicaDeletion || out.DeletionDate != nil || *out.PendingWindowInDays != 10 {
		t.Fatalf("schedule = %+v, %v", out, err)
	}
	if d := describe(t, one, *k.KeyId); d.KeyState != types.KeyStatePendingReplicaDeletion || *d.PendingDeletionWindowInDays != 10 || d.DeletionDate != nil {
		t.Errorf("primary = %+v, want one that waits for its replicas", d)
	}
	_, err = one.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	garrisontest.Want(t, err, "KMSInvalidStateException: "+*k.Arn+" is pending replica deletion.")
	encrypt(t, two, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	schedule(t, two, k, 7)
	schedule(t, three, k, 8)
	s.Clock.Advance(7 * day)
	eventually(t, func() bool { return kin(t, three, k) == "REPLICA us-east-1 ap-southeast-2" })
	if d := describe(t, one, *k.KeyId); d.KeyState != types.KeyStatePendingReplicaDeletion {
		t.Errorf("primary = %s while there is a replica", d.KeyState)
	}
	s.Clock.Advance(day)
	eventually(t, func() bool { return describe(t, one, *k.KeyId).KeyState == types.KeyStatePendingDeletion })
	if d := describe(t, one, *k.KeyId); d.DeletionDate.Sub(s.Clock.Now().Add(10*day)).Abs() > day/10 || d.PendingDeletionWindowInDays != nil {
		t.Errorf("primary = %+v, want its own ten days from now", d)
	}
	s.Clock.Advance(10 * day)
	_, err = one.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "NotFoundException: ")
}

// TestReplicatedImport gives both relatives the same material, and then another.
func TestReplicatedImport(t *testing.T) {
	t.Parallel()
	_, one, two, _ := regions(t)
	k := create(t, one, &kms.CreateKeyInput{Origin: "EXTERNAL", MultiRegion: aws.Bool(true)})
	material, next := secret(), secret()
	importMaterial(t, one, wrapped(t, one, k, material))
	replicate(t, one, k, two)
	if d := describe(t, two, *k.KeyId); d.KeyState != types.KeyStatePendingImport {
		t.Errorf("replica = %s, want it to wait for material", d.KeyState)
	}
	in := wrapped(t, two, k, secret())
	_, err := two.ImportKeyMaterial(t.Context(), in)
	garrisontest.Want(t, err, "IncorrectKeyMaterialException: ")
	importMaterial(t, two, wrapped(t, two, k, material))
	blob := encrypt(t, one, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})
	opensTo(t, two, blob, "kept")

	fresh := wrapped(t, two, k, next)
	fresh.ImportType = types.ImportTypeNewKeyMaterial
	_, err = two.ImportKeyMaterial(t.Context(), fresh)
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
	fresh = wrapped(t, one, k, next)
	fresh.ImportType = types.ImportTypeNewKeyMaterial
	importMaterial(t, one, fresh)
	state := func(c *kms.Client) string {
		all := rotations(t, c, k, types.IncludeKeyMaterialAllKeyMaterial)
		return string(all[len(all)-1].KeyMaterialState) + " " + string(all[len(all)-1].ImportState)
	}
	if got := state(one); got != "PENDING_MULTI_REGION_IMPORT_AND_ROTATION IMPORTED" {
		t.Errorf("second material = %s", got)
	}
	_, err = one.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "KMSInvalidStateException: ")
	eventually(t, func() bool { return state(two) == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION PENDING_IMPORT" })
	importMaterial(t, two, wrapped(t, two, k, next))
	eventually(t, func() bool { return state(one) == "PENDING_ROTATION IMPORTED" })
	rotateNow(t, one, k)
	eventually(t, func() bool { return state(two) == "CURRENT IMPORTED" })
	opensTo(t, two, encrypt(t, one, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("new")}), "new")
	opensTo(t, one, encrypt(t, two, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("new")}), "new")
	opensTo(t, two, blob, "kept")
}

// TestMultiRegionConditions has a policy say which keys may be replicated whereto.
func TestMultiRegionConditions(t *testing.T) {
	t.Parallel()
	s, one, two, three := regions(t)
	ann := user(t, s, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateKey","kms:TagResource"],"Resource":"*"},`+
		`{"Effect":"Allow","Action":"kms:ReplicateKey","Resource":"*","Condition":{"StringEquals":{"kms:ReplicaRegion":"eu-west-1","kms:MultiRegionKeyType":"PRIMARY"},"Bool":{"kms:MultiRegion":"true"}}},`+
		`{"Effect":"Deny","Action":"kms:CreateKey","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"ap-southeast-2"}}}]}`)
	k := createMulti(t, one)
	_, err := ann.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String(third)})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	replicate(t, ann, k, two)
	_ = three
	if got := slices.Collect(strings.SplitSeq(kin(t, one, k), " ")); len(got) != 3 {
		t.Errorf("relatives = %v, want one replica", got)
	}
}
