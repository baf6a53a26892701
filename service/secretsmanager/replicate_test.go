package secretsmanager_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

const (
	elsewhere = garrisontest.OtherRegion
	third     = "ap-southeast-2"
	// notHere is what AWS says of a write to a replica.
	notHere = "InvalidParameterException: Operation not permitted on a replica secret. Call must be made in primary secret's region."
)

// regions runs a server of three Regions, and returns a client of each.
func regions(t *testing.T, opts ...garrisontest.Option) (s *garrisontest.Server, one, two, three *secretsmanager.Client) {
	t.Helper()
	opts = append(opts, func(c *server.Config) { c.Regions = []string{region, elsewhere, third} })
	s = garrisontest.Start(t, opts...)
	in := func(r string) *secretsmanager.Client { return secretsmanager.NewFromConfig(s.ConfigFor(account, r)) }
	return s, in(region), in(elsewhere), in(third)
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	if !garrisontest.Eventually(done) {
		t.Fatal("it did not come about")
	}
}

func to(regions ...string) []types.ReplicaRegionType {
	var out []types.ReplicaRegionType
	for _, r := range regions {
		out = append(out, types.ReplicaRegionType{Region: &r})
	}
	return out
}

// health is each replica's Region and status.
func health(t *testing.T, c *secretsmanager.Client, id string) string {
	t.Helper()
	var out []string
	for _, r := range describe(t, c, id).ReplicationStatus {
		s := *r.Region + " " + string(r.Status)
		if r.StatusMessage != nil {
			s += ": " + *r.StatusMessage
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// becomes waits for the replicas of a secret to be as told.
func becomes(t *testing.T, c *secretsmanager.Client, id, status string) {
	t.Helper()
	last := ""
	if !garrisontest.Eventually(func() bool { last = health(t, c, id); return last == status }) {
		t.Fatalf("replicas of %s = %q, want %q", id, last, status)
	}
}

// reads waits for a value to be what a Region gives.
func reads(t *testing.T, c *secretsmanager.Client, id, text string) {
	t.Helper()
	var last string
	var err error
	if !garrisontest.Eventually(func() bool {
		last, err = get(c, t, &secretsmanager.GetSecretValueInput{SecretId: &id})
		return err == nil && last == text
	}) {
		t.Fatalf("value of %s = %q, %v; want %q", id, last, err, text)
	}
}

func replicate(t *testing.T, c *secretsmanager.Client, id string, regions ...types.ReplicaRegionType) {
	t.Helper()
	_, err := c.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: &id, AddReplicaRegions: regions})
	if err != nil {
		t.Fatalf("replicate %s: %v", id, err)
	}
}

// TestReplicate follows a secret into two Regions: what is there is what there is
// at the primary, sealed by the Region's own key.
func TestReplicate(t *testing.T) {
	t.Parallel()
	s, one, two, three := regions(t)
	made := mustCreate(t, one, &secretsmanager.CreateSecretInput{
		Name: aws.String("app"), SecretString: aws.String("v1"), Description: aws.String("d"), Tags: []types.Tag{tag("a", "b")},
		AddReplicaRegions: to(elsewhere),
	})
	if len(made.ReplicationStatus) != 1 || made.ReplicationStatus[0].Status != types.StatusTypeInProgress {
		t.Errorf("created with %+v, want one replica in progress", made.ReplicationStatus)
	}
	becomes(t, one, "app", elsewhere+" InSync")
	replicate(t, one, "app", to(third)...)
	becomes(t, one, "app", third+" InSync, "+elsewhere+" InSync")
	for _, c := range []*secretsmanager.Client{two, three} {
		there := strings.Replace(*made.ARN, region, c.Options().Region, 1)
		wantValue(t, c, there, "v1")
		d := describe(t, c, "app")
		if *d.ARN != there || *d.PrimaryRegion != region || *d.Description != "d" || len(d.Tags) != 1 || d.ReplicationStatus != nil || d.KmsKeyId != nil ||
			!slices.Equal(d.VersionIdsToStages[*made.VersionId], []string{"AWSCURRENT"}) {
			t.Errorf("replica = %+v", d)
		}
	}
	sealed := slices.ContainsFunc(regionEvents(t, s, elsewhere, "GenerateDataKey"), func(e event) bool {
		return strings.Contains(e.UserIdentity.ARN, ":root") && e.UserIdentity.InvokedBy == "secretsmanager.amazonaws.com"
	})
	if !sealed {
		t.Error("no event tells that the other Region's KMS has sealed the value on the caller's behalf")
	}

	next := put(t, one, "app", "v2")
	reads(t, two, "app", "v2")
	reads(t, three, "app", "v2")
	becomes(t, one, "app", third+" InSync, "+elsewhere+" InSync")
	if d := describe(t, two, "app"); !slices.Equal(d.VersionIdsToStages[next], []string{"AWSCURRENT"}) || !slices.Equal(d.VersionIdsToStages[*made.VersionId], []string{"AWSPREVIOUS"}) {
		t.Errorf("labels = %v", d.VersionIdsToStages)
	}
	if _, err := one.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("app"), VersionStage: aws.String("AWSCURRENT"), RemoveFromVersionId: &next, MoveToVersionId: made.VersionId,
	}); err != nil {
		t.Fatal(err)
	}
	reads(t, two, "app", "v1")
	if got := *describe(t, one, "app").PrimaryRegion; got != region {
		t.Errorf("PrimaryRegion = %s", got)
	}
	eventually(t, func() bool { return describe(t, one, "app").ReplicationStatus[1].LastAccessedDate != nil })
}

// regionEvents are a Region's events of a name, as soon as there is one.
func regionEvents(t *testing.T, s *garrisontest.Server, in, name string) []event {
	t.Helper()
	there := *s
	there.Config = s.ConfigFor(account, in)
	return events(t, &there, name, 1)
}

// TestReplicaFollows changes each thing that a replica has in common with its
// primary, of which a policy is obeyed there.
func TestReplicaFollows(t *testing.T) {
	t.Parallel()
	s, one, two, _ := regions(t)
	mustCreate(t, one, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("v"), AddReplicaRegions: to(elsewhere)})
	becomes(t, one, "app", elsewhere+" InSync")
	id := aws.String("app")
	if _, err := one.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: id, Description: aws.String("new")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return aws.ToString(describe(t, two, "app").Description) == "new" })
	if _, err := one.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: id, Tags: []types.Tag{tag("k", "v")}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(describe(t, two, "app").Tags) == 1 })

	cfg := s.User(t, "reader", allowing("secretsmanager:GetSecretValue"))
	cfg.Region = elsewhere
	reader := secretsmanager.NewFromConfig(cfg)
	wantValue(t, reader, "app", "v")
	deny := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::` + account + `:user/reader"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}`
	if _, err := one.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: &deny}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		_, err := get(reader, t, &secretsmanager.GetSecretValueInput{SecretId: id})
		return strings.HasPrefix(garrisontest.Fault(err), "AccessDeniedException")
	})
}

// TestReplicaRefuses asks a replica for what only its primary does.
func TestReplicaRefuses(t *testing.T) {
	t.Parallel()
	_, one, two, _ := regions(t)
	allowed := []string{"StopReplicationToReplica", "BatchGetSecretValue", "CreateSecret", "DescribeSecret", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds", "ValidateResourcePolicy"}
	made := mustCreate(t, one, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("v"), AddReplicaRegions: to(elsewhere)})
	becomes(t, one, "app", elsewhere+" InSync")
	for _, tt := range stateTable {
		if !slices.Contains(allowed, tt.operation) {
			garrisontest.Want(t, tt.call(t, two, made), notHere)
		}
	}
	_, err := two.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("app"), ForceDeleteWithoutRecovery: aws.Bool(true)})
	garrisontest.Want(t, err, notHere)
	_, err = one.StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{SecretId: aws.String("app")})
	garrisontest.Want(t, err, "InvalidParameterException: ")
	for _, tt := range []struct {
		regions []types.ReplicaRegionType
		want    string
	}{
		{to(region), "InvalidParameterException: "},
		{to("eu-west-3"), "InvalidParameterException: Invalid replica region"},
		{to(third, third), "InvalidParameterException: "},
		{to(elsewhere), "InvalidParameterException: "},
	} {
		_, err = one.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: aws.String("app"), AddReplicaRegions: tt.regions})
		garrisontest.Want(t, err, tt.want)
	}
	still := "InvalidParameterException: You can't delete secret " + *made.ARN + " that still has replica regions [eu-west-1]."
	_, err = one.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("app")})
	garrisontest.Want(t, err, still)
	_, err = one.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("app"), ForceDeleteWithoutRecovery: aws.Bool(true)})
	garrisontest.Want(t, err, still)
	if _, err := one.RemoveRegionsFromReplication(t.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: aws.String("app"), RemoveReplicaRegions: []string{elsewhere}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		_, err := get(two, t, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app")})
		return strings.HasPrefix(garrisontest.Fault(err), lost)
	})
	remove(t, one, "app", 7)
}

// TestPromotion makes a replica a secret of its own.
func TestPromotion(t *testing.T) {
	t.Parallel()
	_, one, two, three := regions(t)
	mustCreate(t, one, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("v"), AddReplicaRegions: to(elsewhere, third)})
	becomes(t, one, "app", third+" InSync, "+elsewhere+" InSync")
	id := aws.String("app")
	if _, err := two.StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{SecretId: id}); err != nil {
		t.Fatal(err)
	}
	becomes(t, one, "app", third+" InSync")
	put(t, two, "app", "two's own")
	put(t, one, "app", "one's own")
	reads(t, three, "app", "one's own")
	wantValue(t, two, "app", "two's own")
	if d := describe(t, two, "app"); d.PrimaryRegion != nil {
		t.Errorf("PrimaryRegion = %s of a secret that stands alone", *d.PrimaryRegion)
	}
	// Each now wants the other to be its replica, and two takes three over.
	replicate(t, one, "app", to(elsewhere)...)
	becomes(t, one, "app", third+" InSync, "+elsewhere+" Failed: Secret with this name already exists in this region")
	if _, err := two.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId: id, AddReplicaRegions: to(third), ForceOverwriteReplicaSecret: true,
	}); err != nil {
		t.Fatal(err)
	}
	becomes(t, two, "app", third+" InSync")
	reads(t, three, "app", "two's own")
	eventually(t, func() bool { return strings.Contains(health(t, one, "app"), third+" Failed: ") })
	put(t, one, "app", "not for three")
	put(t, two, "app", "for three")
	reads(t, three, "app", "for three")
	if d := describe(t, three, "app"); *d.PrimaryRegion != elsewhere {
		t.Errorf("PrimaryRegion = %s, want the one that has overwritten it", *d.PrimaryRegion)
	}
}

// TestReplicaKey seals a replica under a customer's key, which is disabled, and
// enabled again.
func TestReplicaKey(t *testing.T) {
	t.Parallel()
	s, one, two, _ := regions(t)
	keys := kms.NewFromConfig(s.ConfigFor(account, elsewhere))
	k, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	key := k.KeyMetadata.KeyId
	if _, err := keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key}); err != nil {
		t.Fatal(err)
	}
	there := types.ReplicaRegionType{Region: aws.String(elsewhere), KmsKeyId: key}
	mustCreate(t, one, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("v"), AddReplicaRegions: []types.ReplicaRegionType{there}})
	const failed = elsewhere + " Failed: Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state."
	becomes(t, one, "app", failed)
	_, err = two.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("app")})
	garrisontest.Want(t, err, lost)
	if _, err := keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key}); err != nil {
		t.Fatal(err)
	}
	replicate(t, one, "app", there)
	becomes(t, one, "app", elsewhere+" InSync")
	wantValue(t, two, "app", "v")
	if got := aws.ToString(describe(t, two, "app").KmsKeyId); got != *key {
		t.Errorf("KmsKeyId = %s, want %s", got, *key)
	}
	// A replica that falls behind catches up by itself.
	if _, err := keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key}); err != nil {
		t.Fatal(err)
	}
	put(t, one, "app", "w")
	becomes(t, one, "app", failed)
	if _, err := keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key}); err != nil {
		t.Fatal(err)
	}
	wantValue(t, two, "app", "v")
	s.Clock.Advance(aDay)
	becomes(t, one, "app", elsewhere+" InSync")
	wantValue(t, two, "app", "w")

	// The key is what a replica has for itself.
	if _, err := two.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), KmsKeyId: aws.String("")}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		return *describe(t, one, "app").ReplicationStatus[0].KmsKeyId == "alias/aws/secretsmanager"
	})
	if got := describe(t, two, "app").KmsKeyId; got != nil {
		t.Errorf("KmsKeyId = %s, want none", *got)
	}
}

// TestReplicaKeyIsTheCallers asks the other Region's KMS as whoever wrote.
func TestReplicaKeyIsTheCallers(t *testing.T) {
	t.Parallel()
	s, one, _, _ := regions(t)
	k, err := kms.NewFromConfig(s.ConfigFor(account, elsewhere)).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	ann := user(t, s, "ann", allowing("secretsmanager:*"))
	_, err = ann.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("app"), SecretString: aws.String("v"),
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(elsewhere), KmsKeyId: k.KeyMetadata.Arn}},
	})
	garrisontest.Want(t, err, "")
	becomes(t, one, "app", elsewhere+" Failed: Access to KMS is not allowed")
}
