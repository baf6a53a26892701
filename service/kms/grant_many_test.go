package kms_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	service "github.com/garrison-cloud/garrison/service/kms"
)

// TestListManyGrants pages through 1,000 grants, each of which comes once.
func TestListManyGrants(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	key := mustCall[kms.CreateKeyOutput](t, d, by(account), &kms.CreateKeyInput{}).KeyMetadata
	const all = 1000
	made := map[string]bool{}
	for i := range all {
		made[*mustCall[kms.CreateGrantOutput](t, d, by(account), grantTo(key, fmt.Sprint("user", i%3), "Decrypt")).GrantId] = true
	}
	in := &kms.ListGrantsInput{KeyId: key.KeyId, Limit: aws.Int32(100)}
	for pages := 1; ; pages++ {
		out := mustCall[kms.ListGrantsOutput](t, d, by(account), in)
		for _, g := range out.Grants {
			if !made[*g.GrantId] {
				t.Errorf("grant %s comes twice, or is none", *g.GrantId)
			}
			delete(made, *g.GrantId)
		}
		if out.Truncated != (out.NextMarker != nil) || out.Truncated != (pages < all/100) || len(out.Grants) != 100 {
			t.Fatalf("page %d has %d grants, truncated %v, marker %v", pages, len(out.Grants), out.Truncated, out.NextMarker)
		}
		if in.Marker = out.NextMarker; !out.Truncated {
			break
		}
	}
	if len(made) != 0 {
		t.Errorf("%d grants are in no page", len(made))
	}
}

// TestManyGrantsOfOne obeys each of many grants of one grantee, at once when one
// comes or goes, although a few are kept at hand.
func TestManyGrantsOfOne(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	key := mustCall[kms.CreateKeyOutput](t, d, by(account), &kms.CreateKeyInput{}).KeyMetadata
	caller := by(account)
	caller.Principal = &authz.Principal{Principal: iam.Principal{Kind: iam.User, ARN: userARN(account, "ann"), Account: account, ID: "AIDAEXAMPLE"}}
	policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + rootARN(account) + `"},"Action":"kms:*","Resource":"*",
		"Condition":{"ArnNotEquals":{"aws:PrincipalArn":"` + userARN(account, "ann") + `"}}}}`
	mustCall[kms.PutKeyPolicyOutput](t, d, by(account), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &policy, BypassPolicyLockoutSafetyCheck: true})
	may := func(tenant int) bool {
		_, err := call[kms.EncryptOutput](d, caller, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"tenant": fmt.Sprint(tenant)}})
		if err != nil {
			refused(t, "encrypt", err)
		}
		return err == nil
	}
	var ids []*string
	for i := range service.MaxHot + 8 {
		if may(i) {
			t.Fatalf("tenant %d may before there is a grant", i)
		}
		in := grantTo(key, "ann", "Encrypt")
		in.Constraints = &types.GrantConstraints{EncryptionContextEquals: map[string]string{"tenant": fmt.Sprint(i)}}
		ids = append(ids, mustCall[kms.CreateGrantOutput](t, d, by(account), in).GrantId)
		if !may(i) || !may(0) {
			t.Fatalf("tenant %d may not, by grant %d of one grantee", i, i)
		}
	}
	for i, id := range ids {
		mustCall[kms.RevokeGrantOutput](t, d, by(account), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: id})
		if may(i) {
			t.Errorf("tenant %d may after its grant was revoked", i)
		}
		if i+1 < len(ids) && !may(i+1) {
			t.Errorf("tenant %d may not after another's grant was revoked", i+1)
		}
	}
}
