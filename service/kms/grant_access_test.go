package kms_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestGrantOtherAccount lets another account's user in, by the grant alone.
func TestGrantOtherAccount(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := createKey(t, c)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	eve := kms.NewFromConfig(s.UserOf(t, other, "eve", ""))
	garrisontest.Want(t, decrypt(t, eve, blob, nil), mayNot)
	in := grantTo(key, "", "Decrypt", "RetireGrant")
	in.GranteePrincipal = aws.String(userARN(other, "eve"))
	g := createGrant(t, c, in)
	garrisontest.Want(t, decrypt(t, eve, blob, nil), "")
	_, err := eve.RetireGrant(t.Context(), &kms.RetireGrantInput{KeyId: key.Arn, GrantId: g.GrantId})
	garrisontest.Want(t, err, "")
	garrisontest.Want(t, decrypt(t, eve, blob, nil), mayNot)
}

// TestGrantToAccount leaves it to the account's own policies.
func TestGrantToAccount(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := createKey(t, c)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	root := kms.NewFromConfig(s.ConfigFor(other, region))
	may := kms.NewFromConfig(s.UserOf(t, other, "may", allowing("kms:*")))
	none := kms.NewFromConfig(s.UserOf(t, other, "none", ""))
	in := grantTo(key, "", "Decrypt")
	in.GranteePrincipal = aws.String(other)
	for _, caller := range []*kms.Client{root, may, none} {
		garrisontest.Want(t, decrypt(t, caller, blob, nil), mayNot)
	}
	createGrant(t, c, in)
	garrisontest.Want(t, decrypt(t, root, blob, nil), "")
	garrisontest.Want(t, decrypt(t, may, blob, nil), "")
	garrisontest.Want(t, decrypt(t, none, blob, nil), mayNot)
	_, err := may.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.Arn, Plaintext: []byte("x")})
	garrisontest.Want(t, err, mayNot)
	deny := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"` + rootARN(account) + `"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Deny","Principal":{"AWS":"` + userARN(other, "may") + `"},"Action":"kms:Decrypt","Resource":"*"}]}`
	putPolicy(t, c, key, deny)
	garrisontest.Want(t, decrypt(t, root, blob, nil), "")
	garrisontest.Want(t, decrypt(t, may, blob, nil), mayNot)
}

// TestGrantDoesNotBeatDenial denies in either policy.
func TestGrantDoesNotBeatDenial(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	denial := `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"}}`
	ann, dan := user(t, s, "ann", ""), user(t, s, "dan", denial)
	key := createKey(t, c)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})
	createGrant(t, c, grantTo(key, "ann", "Decrypt"))
	createGrant(t, c, grantTo(key, "dan", "Decrypt"))
	garrisontest.Want(t, decrypt(t, ann, blob, nil), "")
	garrisontest.Want(t, decrypt(t, dan, blob, nil), mayNot)
	putPolicy(t, c, key, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"`+rootARN(account)+`"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Deny","Principal":{"AWS":"`+userARN(account, "ann")+`"},"Action":"kms:Decrypt","Resource":"*"}]}`)
	garrisontest.Want(t, decrypt(t, ann, blob, nil), mayNot)
}

// TestGrantToRole reaches the role's sessions, one to a session that one alone.
func TestGrantToRole(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}}`
	role, err := iam.NewFromConfig(s.Config).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("ops"), Path: aws.String("/eng/"), AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	assume := s.User(t, "ann", allowing("sts:AssumeRole"))
	one, two := session(t, s, assume, *role.Role.Arn, "one"), session(t, s, assume, *role.Role.Arn, "two")
	all, single := createKey(t, c), createKey(t, c)
	in := grantTo(all, "", "Encrypt")
	in.GranteePrincipal = role.Role.Arn
	createGrant(t, c, in)
	in = grantTo(single, "", "Encrypt")
	in.GranteePrincipal = aws.String("arn:aws:sts::" + account + ":assumed-role/ops/one")
	createGrant(t, c, in)
	for _, tt := range []struct {
		caller *kms.Client
		key    *types.KeyMetadata
		want   string
	}{{one, all, ""}, {two, all, ""}, {one, single, ""}, {two, single, mayNot}} {
		_, err := tt.caller.Encrypt(t.Context(), &kms.EncryptInput{KeyId: tt.key.KeyId, Plaintext: []byte("x")})
		garrisontest.Want(t, err, tt.want)
	}
}

func session(t *testing.T, s *garrisontest.Server, as aws.Config, role, name string) *kms.Client {
	t.Helper()
	out, err := sts.NewFromConfig(as).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	return kms.NewFromConfig(s.ConfigWith(region, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
}

// TestWhoMayRetire asks everybody.
func TestWhoMayRetire(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	callers := map[string]*kms.Client{
		"root": c, "ann": user(t, s, "ann", ""), "rita": user(t, s, "rita", ""),
		"delegate": user(t, s, "delegate", allowing("kms:RetireGrant")),
		"denied":   user(t, s, "denied", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:RetireGrant","Resource":"*"}}`),
		"keyadmin": user(t, s, "keyadmin", ""),
		"theirs":   kms.NewFromConfig(s.ConfigFor(other, region)),
	}
	key := createKey(t, c)
	putPolicy(t, c, key, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":[%q,%q]},"Action":"kms:*","Resource":"*"}}`,
		rootARN(account), userARN(account, "keyadmin")))
	for _, tt := range []struct {
		who, retiring string
		ops           []types.GrantOperation
		want          string
	}{
		{"root", "", nil, ""},
		{"delegate", "", nil, ""},
		{"ann", "", nil, mayNot},
		{"ann", "", []types.GrantOperation{"RetireGrant"}, ""},
		{"ann", userARN(account, "ann"), nil, ""},
		{"rita", userARN(account, "rita"), nil, ""},
		{"rita", userARN(account, "ann"), nil, mayNot},
		{"denied", userARN(account, "denied"), nil, mayNot},
		{"keyadmin", "", nil, mayNot}, // key policies do not count
		{"theirs", "", nil, mayNot},
		{"theirs", other, nil, ""},
	} {
		in := grantTo(key, "ann", append(tt.ops, "Decrypt")...)
		if tt.retiring != "" {
			in.RetiringPrincipal = &tt.retiring
		}
		g := createGrant(t, c, in)
		_, err := callers[tt.who].RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: g.GrantToken})
		if got := garrisontest.Fault(err); (got == "") != (tt.want == "") {
			t.Errorf("%s retires a grant with retiring principal %q and %v: %q, want %q", tt.who, tt.retiring, in.Operations, got, tt.want)
		}
	}
}

// TestGrantConditions holds IAM policies' conditions to what is asked for.
func TestGrantConditions(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := createKey(t, c)
	for i, tt := range []struct {
		condition string
		change    func(*kms.CreateGrantInput)
	}{
		{`{"StringEquals":{"kms:GranteePrincipal":"` + userARN(account, "bob") + `"}}`, func(in *kms.CreateGrantInput) { in.GranteePrincipal = aws.String(userARN(account, "bob")) }},
		{`{"StringEquals":{"kms:GranteePrincipal":"` + rootARN(other) + `"}}`, func(in *kms.CreateGrantInput) { in.GranteePrincipal = aws.String(other) }},
		{`{"StringEquals":{"kms:RetiringPrincipal":"` + userARN(account, "bob") + `"}}`, func(in *kms.CreateGrantInput) { in.RetiringPrincipal = aws.String(userARN(account, "bob")) }},
		{`{"ForAllValues:StringEquals":{"kms:GrantOperations":["Encrypt","DescribeKey"]}}`, func(in *kms.CreateGrantInput) { in.Operations = []types.GrantOperation{"Encrypt"} }},
		{`{"StringEquals":{"kms:GrantConstraintType":"EncryptionContextSubset"}}`, func(in *kms.CreateGrantInput) {
			in.Constraints = &types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "1"}}
		}},
		{`{"StringEquals":{"kms:EncryptionContext:a":"1"}}`, func(in *kms.CreateGrantInput) {
			in.Constraints = &types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": "1"}}
		}},
	} {
		name := fmt.Sprint("user", i)
		policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":` + tt.condition + `}}`
		if !json.Valid([]byte(policy)) {
			t.Fatal(policy)
		}
		caller := user(t, s, name, policy)
		in := grantTo(key, "ann", "Decrypt")
		_, err := caller.CreateGrant(t.Context(), in)
		garrisontest.Want(t, err, mayNot)
		tt.change(in)
		if _, err := caller.CreateGrant(t.Context(), in); err != nil {
			t.Errorf("%s: %v", tt.condition, err)
		}
	}
}

// TestGrantIsForAWSResource tells a service's calls from the account's own.
func TestGrantIsForAWSResource(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	key := mustCall[kms.CreateKeyOutput](t, d, by(account), &kms.CreateKeyInput{}).KeyMetadata
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + rootARN(account) + `"},"Action":"kms:PutKeyPolicy","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"` + rootARN(account) + `"},"Action":["kms:CreateGrant","kms:ListGrants","kms:RevokeGrant"],"Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}]}`
	mustCall[kms.PutKeyPolicyOutput](t, d, by(account), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &policy})
	_, err := call[kms.CreateGrantOutput](d, by(account), grantTo(key, "ann", "Decrypt"))
	refused(t, "a grant of one's own", err)
	g := mustCall[kms.CreateGrantOutput](t, d, by(account, "ec2.amazonaws.com"), grantTo(key, "ann", "Decrypt"))
	_, err = call[kms.RevokeGrantOutput](d, by(account), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: g.GrantId})
	refused(t, "a revocation of one's own", err)
	mustCall[kms.ListGrantsOutput](t, d, by(account, "ec2.amazonaws.com"), &kms.ListGrantsInput{KeyId: key.KeyId})
}

// TestGrantByOtherAccount lets an account that the key policy trusts create
// grants, which name it as their issuer.
func TestGrantByOtherAccount(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := createKey(t, c)
	theirs := kms.NewFromConfig(s.ConfigFor(other, region))
	in := grantTo(key, "ann", "Decrypt")
	in.KeyId = key.Arn
	_, err := theirs.CreateGrant(t.Context(), in)
	garrisontest.Want(t, err, mayNot)
	putPolicy(t, c, key, fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":[%q,%q]},"Action":"kms:*","Resource":"*"}}`,
		rootARN(account), rootARN(other)))
	g := createGrant(t, theirs, in)
	if got := listGrants(t, theirs, &kms.ListGrantsInput{KeyId: key.Arn}); len(got) != 1 || *got[0].IssuingAccount != rootARN(other) || *got[0].KeyId != *key.Arn {
		t.Errorf("grants = %+v, want one issued by %s", got, other)
	}
	_, err = theirs.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key.Arn, GrantId: g.GrantId})
	garrisontest.Want(t, err, "")
}
