package kms_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func userARN(account, name string) string { return "arn:aws:iam::" + account + ":user/" + name }
func rootARN(account string) string       { return "arn:aws:iam::" + account + ":root" }

// grantTo is a grant of a key to a user of the first account.
func grantTo(key *types.KeyMetadata, name string, ops ...types.GrantOperation) *kms.CreateGrantInput {
	return &kms.CreateGrantInput{KeyId: key.KeyId, GranteePrincipal: aws.String(userARN(account, name)), Operations: ops}
}

func createGrant(t *testing.T, c *kms.Client, in *kms.CreateGrantInput) *kms.CreateGrantOutput {
	t.Helper()
	out, err := c.CreateGrant(t.Context(), in)
	if err != nil {
		t.Fatalf("create grant: %v", err)
	}
	return out
}

func listGrants(t *testing.T, c *kms.Client, in *kms.ListGrantsInput) []types.GrantListEntry {
	t.Helper()
	out, err := c.ListGrants(t.Context(), in)
	if err != nil {
		t.Fatalf("list grants: %v", err)
	}
	return out.Grants
}

func decrypt(t *testing.T, c *kms.Client, blob []byte, encryption map[string]string) error {
	t.Helper()
	_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: encryption})
	return err
}

const mayNot = "AccessDeniedException: "

// TestGrantIsListed holds a listed grant to what was asked for.
func TestGrantIsListed(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	key := createKey(t, c)
	in := grantTo(key, "ann", "Encrypt", "Decrypt", "Encrypt")
	in.Name, in.RetiringPrincipal = aws.String("orders"), aws.String(other)
	in.Constraints = &types.GrantConstraints{EncryptionContextSubset: map[string]string{"tenant": "acme"}}
	out := createGrant(t, c, in)
	got := listGrants(t, c, &kms.ListGrantsInput{KeyId: key.Arn})
	if len(got) != 1 {
		t.Fatalf("%d grants, want 1", len(got))
	}
	g := got[0]
	if *g.GrantId != *out.GrantId || len(*g.GrantId) != 64 || *g.KeyId != *key.Arn || *g.Name != "orders" ||
		*g.GranteePrincipal != userARN(account, "ann") || *g.RetiringPrincipal != rootARN(other) || *g.IssuingAccount != rootARN(account) ||
		!slices.Equal(g.Operations, []types.GrantOperation{"Decrypt", "Encrypt"}) || g.CreationDate.IsZero() ||
		!maps.Equal(g.Constraints.EncryptionContextSubset, in.Constraints.EncryptionContextSubset) || g.Constraints.EncryptionContextEquals != nil {
		t.Errorf("grant = %+v", g)
	}
}

// TestGrantNames creates again: with a name and the same parameters it is the same
// grant under another token, and both tokens are good.
func TestGrantNames(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	key := createKey(t, c)
	in := grantTo(key, "ann", "Encrypt", "Decrypt")
	unnamed := []string{*createGrant(t, c, in).GrantId, *createGrant(t, c, in).GrantId}
	if unnamed[0] == unnamed[1] {
		t.Error("two grants without a name are one")
	}
	in.Name = aws.String("orders")
	first := createGrant(t, c, in)
	in.Operations = []types.GrantOperation{"Decrypt", "Encrypt"}
	second := createGrant(t, c, in)
	if *first.GrantId != *second.GrantId || *first.GrantToken == *second.GrantToken {
		t.Errorf("a retry answers %s and another token: %v; want %s and true", *second.GrantId, *first.GrantToken != *second.GrantToken, *first.GrantId)
	}
	in.Operations = []types.GrantOperation{"Decrypt"}
	if third := createGrant(t, c, in); *third.GrantId == *first.GrantId {
		t.Error("other operations under the same name are the same grant")
	}
	for _, token := range []string{*first.GrantToken, *second.GrantToken} {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), GrantTokens: []string{token}})
		garrisontest.Want(t, err, "")
	}
	_, err := c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: first.GrantToken})
	garrisontest.Want(t, err, "")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), GrantTokens: []string{*second.GrantToken}})
	garrisontest.Want(t, err, "InvalidGrantTokenException: ")
}

// TestGrantIsObeyed lets a user without any policy in, for exactly what the grant
// says and as long as there is the grant.
func TestGrantIsObeyed(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	ann, bob := user(t, s, "ann", ""), user(t, s, "bob", "")
	for _, end := range []string{"revoke", "retire", "retire by token", "retire by grantee"} {
		key := createKey(t, c)
		blob := encrypt(t, c, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
		garrisontest.Want(t, decrypt(t, ann, blob, nil), mayNot)
		g := createGrant(t, c, grantTo(key, "ann", "Decrypt", "DescribeKey", "RetireGrant"))
		garrisontest.Want(t, decrypt(t, ann, blob, nil), "")
		_, err := ann.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: key.KeyId, GrantTokens: []string{*g.GrantToken}})
		garrisontest.Want(t, err, "")
		_, err = ann.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
		garrisontest.Want(t, err, mayNot)
		garrisontest.Want(t, decrypt(t, bob, blob, nil), mayNot)
		_, err = bob.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: g.GrantToken})
		garrisontest.Want(t, err, mayNot)
		_, err = ann.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: g.GrantId})
		garrisontest.Want(t, err, mayNot)
		switch end {
		case "revoke":
			_, err = c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: g.GrantId})
		case "retire":
			_, err = c.RetireGrant(t.Context(), &kms.RetireGrantInput{KeyId: key.Arn, GrantId: g.GrantId})
		case "retire by token":
			_, err = c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: g.GrantToken})
		case "retire by grantee":
			_, err = ann.RetireGrant(t.Context(), &kms.RetireGrantInput{KeyId: key.KeyId, GrantId: g.GrantId})
		}
		if garrisontest.Fault(err) != "" {
			t.Errorf("%s: %v", end, err)
		}
		garrisontest.Want(t, decrypt(t, ann, blob, nil), mayNot)
		if left := listGrants(t, c, &kms.ListGrantsInput{KeyId: key.KeyId}); len(left) != 0 {
			t.Errorf("after %s %d grants are left", end, len(left))
		}
	}
}

// TestGrantConstraints holds encryption contexts to both kinds of constraints.
func TestGrantConstraints(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	ann := user(t, s, "ann", "")
	pairs := map[string]string{"Tenant": "acme", "app": "shop"}
	equals, subset := createKey(t, c), createKey(t, c)
	in := grantTo(equals, "ann", "Encrypt")
	in.Constraints = &types.GrantConstraints{EncryptionContextEquals: pairs}
	createGrant(t, c, in)
	in = grantTo(subset, "ann", "Encrypt", "DescribeKey")
	in.Constraints = &types.GrantConstraints{EncryptionContextSubset: pairs}
	createGrant(t, c, in)
	for _, tt := range []struct {
		encryption     map[string]string
		equals, subset string
	}{
		{nil, mayNot, mayNot},
		{map[string]string{"Tenant": "acme"}, mayNot, mayNot},
		{map[string]string{"Tenant": "acme", "app": "shop"}, "", ""},
		{map[string]string{"tenant": "acme", "APP": "shop"}, "", ""}, // names do not distinguish case
		{map[string]string{"Tenant": "Acme", "app": "shop"}, mayNot, mayNot},
		{map[string]string{"Tenant": "acme", "app": "shop", "n": "1"}, mayNot, ""},
		{map[string]string{"Tenant": "acme", "app": "shop", "tenant": "evil"}, mayNot, ""},
	} {
		for key, prefix := range map[*types.KeyMetadata]string{equals: tt.equals, subset: tt.subset} {
			_, err := ann.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), EncryptionContext: tt.encryption})
			if got := garrisontest.Fault(err); prefix == "" && got != "" || !strings.HasPrefix(got, prefix) {
				t.Errorf("encrypt with %v under equals %v: %q, want %q", tt.encryption, key == equals, got, prefix)
			}
		}
	}
	_, err := ann.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: subset.KeyId})
	garrisontest.Want(t, err, "")
}

// TestGrantReEncrypt needs a grant on either side.
func TestGrantReEncrypt(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	ann := user(t, s, "ann", "")
	from, to := createKey(t, c), createKey(t, c)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: from.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"a": "1"}})
	again := func() error {
		_, err := ann.ReEncrypt(t.Context(), &kms.ReEncryptInput{
			CiphertextBlob: blob, SourceEncryptionContext: map[string]string{"a": "1"},
			DestinationKeyId: to.KeyId, DestinationEncryptionContext: map[string]string{"b": "2"},
		})
		return err
	}
	in := grantTo(from, "ann", "ReEncryptFrom")
	in.Constraints = &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "1"}}
	createGrant(t, c, in)
	garrisontest.Want(t, again(), mayNot)
	in = grantTo(to, "ann", "ReEncryptFrom")
	createGrant(t, c, in)
	garrisontest.Want(t, again(), mayNot)
	in = grantTo(to, "ann", "ReEncryptTo")
	in.Constraints = &types.GrantConstraints{EncryptionContextEquals: map[string]string{"b": "2"}}
	createGrant(t, c, in)
	garrisontest.Want(t, again(), "")
}

// TestGrantsOfGrants lets a grantee pass on no more than was granted.
func TestGrantsOfGrants(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	ann := user(t, s, "ann", "")
	a, ab := map[string]string{"a": "1"}, map[string]string{"A": "1", "b": "2"}
	equals := func(m map[string]string) *types.GrantConstraints {
		return &types.GrantConstraints{EncryptionContextEquals: m}
	}
	subset := func(m map[string]string) *types.GrantConstraints {
		return &types.GrantConstraints{EncryptionContextSubset: m}
	}
	for _, tt := range []struct {
		name          string
		parent, child *types.GrantConstraints
		ops           []types.GrantOperation
		want          string
	}{
		{"fewer operations", nil, nil, []types.GrantOperation{"Decrypt"}, ""},
		{"another operation", nil, nil, []types.GrantOperation{"Decrypt", "Encrypt"}, mayNot},
		{"passed on", nil, nil, []types.GrantOperation{"Decrypt", "CreateGrant"}, ""},
		{"stricter than none", nil, equals(a), nil, ""},
		{"none under subset", subset(a), nil, nil, mayNot},
		{"the same subset", subset(a), subset(a), nil, ""},
		{"a stricter subset", subset(a), subset(ab), nil, ""},
		{"a weaker subset", subset(ab), subset(a), nil, mayNot},
		{"equals within subset", subset(a), equals(ab), nil, ""},
		{"equals outside subset", subset(ab), equals(a), nil, mayNot},
		{"the same equals", equals(a), equals(a), nil, ""},
		{"another equals", equals(a), equals(ab), nil, mayNot},
		{"subset under equals", equals(a), subset(a), nil, mayNot},
	} {
		key := createKey(t, c)
		parent := grantTo(key, "ann", "Decrypt", "CreateGrant")
		parent.Constraints = tt.parent
		createGrant(t, c, parent)
		child := grantTo(key, "bob", "Decrypt")
		child.Constraints = tt.child
		if tt.ops != nil {
			child.Operations = tt.ops
		}
		_, err := ann.CreateGrant(t.Context(), child)
		if got := garrisontest.Fault(err); tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestGrantEvent finds the grant's id in CloudTrail.
func TestGrantEvent(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := createKey(t, c)
	g := createGrant(t, c, grantTo(key, "ann", "Decrypt"))
	event := lastEvent(t, s, "CreateGrant")
	response, _ := event["responseElements"].(map[string]any)
	request, _ := event["requestParameters"].(map[string]any)
	if response["grantId"] != *g.GrantId || request["granteePrincipal"] != userARN(account, "ann") {
		t.Errorf("event = %v, want grant %s", event, *g.GrantId)
	}
}

func lastEvent(t *testing.T, s *garrisontest.Server, name string) map[string]any {
	t.Helper()
	out, err := cloudtrail.NewFromConfig(s.Config).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []trail.LookupAttribute{{AttributeKey: trail.LookupAttributeKeyEventName, AttributeValue: &name}},
	})
	if err != nil || len(out.Events) == 0 {
		t.Fatalf("%d events of %s: %v", len(out.Events), name, err)
	}
	var event map[string]any
	if err := json.Unmarshal([]byte(*out.Events[0].CloudTrailEvent), &event); err != nil {
		t.Fatal(err)
	}
	return event
}
