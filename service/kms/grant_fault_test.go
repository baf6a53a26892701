package kms_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	service "github.com/garrison-cloud/garrison/service/kms"
)

// noGrant has the form of a grant's id, and no test grant has it.
var noGrant = strings.Repeat("0", 64)

// A grantFault is a change of a good call, and what is answered to it.
type grantFault struct {
	change func(*kms.CreateGrantInput)
	want   string
}

// tryGrants makes each call to let ann decrypt with the key, changed.
func tryGrants(t *testing.T, c *kms.Client, key *types.KeyMetadata, faults []grantFault) {
	t.Helper()
	for _, tt := range faults {
		in := grantTo(key, "ann", "Decrypt")
		tt.change(in)
		_, err := c.CreateGrant(t.Context(), in)
		if got := garrisontest.Fault(err); tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("create %s %s %v: %q, want %q", *in.KeyId, *in.GranteePrincipal, in.Operations, got, tt.want)
		}
	}
}

func TestCreateGrantFaults(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	key, off, ending := createKey(t, c), createKey(t, c), createKey(t, c)
	disable(t, c, off)
	schedule(t, c, ending, 7)
	createAlias(t, c, "alias/orders", key)
	onKey := func(id string) func(*kms.CreateGrantInput) {
		return func(in *kms.CreateGrantInput) { in.KeyId = &id }
	}
	tryGrants(t, c, key, []grantFault{
		{onKey(*key.Arn), ""},
		{onKey(*off.KeyId), "DisabledException: "},
		{onKey(*ending.KeyId), "KMSInvalidStateException: "},
		{onKey(nobody), "NotFoundException: Key '"},
		{onKey("alias/orders"), "NotFoundException: Invalid keyId"},
		{onKey(aliasARN("alias/orders")), "InvalidArnException: Key Aliases are not supported for this operation."},
		{func(in *kms.CreateGrantInput) { in.Name = aws.String("a b") }, "ValidationException: "},
		{func(in *kms.CreateGrantInput) { in.GrantTokens = []string{"AAAA"} }, "InvalidGrantTokenException: "},
		{func(in *kms.CreateGrantInput) { in.DryRun = aws.Bool(true) }, "DryRunOperationException: "},
	})
}

func TestGrantPrincipals(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	key := createKey(t, c)
	sts := "arn:aws:sts::" + account + ":"
	for name, good := range map[string]bool{
		userARN(account, "ann"): true, userARN(other, "eng/ann"): true, rootARN(other): true, other: true,
		"arn:aws:iam::" + account + ":role/a/b": true, sts + "assumed-role/ops/ann": true, sts + "federated-user/ann": true,
		"ec2.amazonaws.com": true,
		"ann":               false, "AIDAEXAMPLE": false, "example.com": false, ".amazonaws.com": false,
		userARN("1", "ann"): false, userARN(account, ""): false, userARN("", "ann"): false,
		"arn:aws:iam::" + account + ":group/all": false, "arn:aws:iam:us-east-1:" + account + ":user/ann": false,
		"arn:aws-cn:iam::" + account + ":user/ann": false, rootARN(account) + "/ann": false,
		sts + "assumed-role/ops": false, sts + "assumed-role/ops/a/b": false, keyARN(nobody): false,
	} {
		want := ""
		if !good {
			want = "InvalidArnException: ARN does not refer to a valid principal: " + name
		}
		tryGrants(t, c, key, []grantFault{
			{func(in *kms.CreateGrantInput) { in.GranteePrincipal = &name }, want},
			{func(in *kms.CreateGrantInput) { in.RetiringPrincipal = &name }, want},
		})
	}
}

// TestGrantOperations holds operations and constraints to the kinds of keys.
func TestGrantOperations(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	const bad = "ValidationException: "
	operations := func(ops ...types.GrantOperation) func(*kms.CreateGrantInput) {
		return func(in *kms.CreateGrantInput) { in.Operations = ops }
	}
	constraint := func(g types.GrantConstraints) func(*kms.CreateGrantInput) {
		return func(in *kms.CreateGrantInput) { in.Constraints = &g }
	}
	many := map[string]string{}
	for i := range 9 {
		many[fmt.Sprint(i)] = "v"
	}
	pair := map[string]string{"a": "1"}
	tryGrants(t, c, createKey(t, c), []grantFault{
		{operations([]types.GrantOperation{}...), bad},
		{operations("ListKeys"), bad},
		{operations("CreateGrant"), bad + "Grants must not contain only the CreateGrant operation."},
		{operations("Sign"), bad},
		{operations("GetPublicKey"), bad},
		{operations("Encrypt", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyPairWithoutPlaintext", "CreateGrant"), ""},
		{constraint(types.GrantConstraints{}), ""},
		{constraint(types.GrantConstraints{EncryptionContextEquals: pair, EncryptionContextSubset: pair}), bad},
		{constraint(types.GrantConstraints{EncryptionContextSubset: many}), bad},
		{constraint(types.GrantConstraints{EncryptionContextSubset: map[string]string{}}), bad},
		{constraint(types.GrantConstraints{EncryptionContextSubset: map[string]string{"a": strings.Repeat("x", 385)}}), bad},
		{constraint(types.GrantConstraints{EncryptionContextEquals: map[string]string{"a": strings.Repeat("x", 384)}}), ""},
	})
	tryGrants(t, c, createSpec(t, c, "RSA_2048", "ENCRYPT_DECRYPT"), []grantFault{
		{operations("Encrypt", "GetPublicKey"), ""},
		{operations("GenerateDataKey"), bad},
		{constraint(types.GrantConstraints{EncryptionContextEquals: pair}), bad},
	})
	tryGrants(t, c, createSpec(t, c, "ECC_NIST_P256", "SIGN_VERIFY"), []grantFault{
		{operations("Sign", "Verify", "GetPublicKey", "DescribeKey"), ""},
		{operations("Decrypt"), bad},
	})
	tryGrants(t, c, createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC"), []grantFault{
		{operations("GenerateMac", "VerifyMac"), ""},
		{operations("GetPublicKey"), bad},
	})
}

// TestEndGrantFaults ends what is not there, and what a state does not matter to.
func TestEndGrantFaults(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	key := createKey(t, c)
	g := createGrant(t, c, grantTo(key, "ann", "Decrypt"))
	forged := "A" + (*g.GrantToken)[1:]
	if forged == *g.GrantToken {
		forged = "B" + forged[1:]
	}
	for _, tt := range []struct {
		in   kms.RetireGrantInput
		want string
	}{
		{kms.RetireGrantInput{}, "ValidationException: "},
		{kms.RetireGrantInput{KeyId: key.KeyId}, "ValidationException: "},
		{kms.RetireGrantInput{KeyId: key.KeyId, GrantId: g.GrantId, GrantToken: g.GrantToken}, "ValidationException: "},
		{kms.RetireGrantInput{GrantToken: aws.String("x")}, "InvalidGrantTokenException: "},
		{kms.RetireGrantInput{GrantToken: &forged}, "InvalidGrantTokenException: "},
		{kms.RetireGrantInput{KeyId: key.KeyId, GrantId: aws.String("x")}, "InvalidGrantIdException: "},
		{kms.RetireGrantInput{KeyId: key.KeyId, GrantId: &noGrant}, "NotFoundException: Grant ID "},
		{kms.RetireGrantInput{KeyId: aws.String(nobody), GrantId: g.GrantId}, "NotFoundException: Key '"},
		{kms.RetireGrantInput{GrantToken: g.GrantToken, DryRun: aws.Bool(true)}, "DryRunOperationException: "},
	} {
		_, err := c.RetireGrant(t.Context(), &tt.in)
		garrisontest.Want(t, err, tt.want)
		if tt.in.KeyId == nil || tt.in.GrantId == nil || tt.in.GrantToken != nil {
			continue
		}
		_, err = c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: tt.in.KeyId, GrantId: tt.in.GrantId})
		garrisontest.Want(t, err, tt.want)
	}
	_, err := c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: g.GrantId, DryRun: aws.Bool(true)})
	garrisontest.Want(t, err, "DryRunOperationException: ")
	schedule(t, c, key, 7)
	if n := len(listGrants(t, c, &kms.ListGrantsInput{KeyId: key.KeyId})); n != 1 {
		t.Errorf("%d grants of a key pending deletion, want 1", n)
	}
	_, err = c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: g.GrantId})
	garrisontest.Want(t, err, "")
}

func TestGrantLists(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	keys := []*types.KeyMetadata{createKey(t, c), createKey(t, c)}
	retiring := userARN(account, "rita")
	var last string
	for i := range 14 {
		in := grantTo(keys[i%2], []string{"ann", "ann", "bob"}[i%3], "Decrypt")
		in.RetiringPrincipal = &retiring
		last = *createGrant(t, c, in).GrantId
	}
	perGrantee := map[string]int{}
	for _, filter := range []string{"", userARN(account, "ann"), userARN(account, "bob"), userARN(account, "eve")} {
		in := &kms.ListGrantsInput{KeyId: keys[1].KeyId, Limit: aws.Int32(2)}
		if filter != "" {
			in.GranteePrincipal = &filter
		}
		seen := map[string]bool{}
		for p := kms.NewListGrantsPaginator(c, in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range out.Grants {
				if seen[*g.GrantId] || *g.KeyId != *keys[1].Arn || filter != "" && *g.GranteePrincipal != filter {
					t.Errorf("list of %q has %+v", filter, g)
				}
				seen[*g.GrantId] = true
			}
		}
		perGrantee[filter] = len(seen)
	}
	if perGrantee[""] != 7 || perGrantee[userARN(account, "ann")] != 5 || perGrantee[userARN(account, "bob")] != 2 || perGrantee[userARN(account, "eve")] != 0 {
		t.Errorf("grants listed = %v", perGrantee)
	}
	if got := listGrants(t, c, &kms.ListGrantsInput{KeyId: keys[1].KeyId, GrantId: &last}); len(got) != 1 || *got[0].GrantId != last {
		t.Errorf("grant by id = %+v", got)
	}
	if got := listGrants(t, c, &kms.ListGrantsInput{KeyId: keys[1].KeyId, GrantId: &last, GranteePrincipal: aws.String(userARN(account, "eve"))}); len(got) != 0 {
		t.Errorf("grant by id and another grantee = %+v", got)
	}
	retirable := 0
	for p := kms.NewListRetirableGrantsPaginator(c, &kms.ListRetirableGrantsInput{RetiringPrincipal: &retiring, Limit: aws.Int32(5)}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		retirable += len(out.Grants)
	}
	if retirable != 14 {
		t.Errorf("%d retirable grants, want 14", retirable)
	}
	_, err := c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: keys[0].KeyId, Marker: aws.String("x")})
	garrisontest.Want(t, err, "InvalidMarkerException: ")
	_, err = c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: keys[0].KeyId, Limit: aws.Int32(101)})
	garrisontest.Want(t, err, "ValidationException: ")
	_, err = c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: aws.String(nobody)})
	garrisontest.Want(t, err, "NotFoundException: ")
	_, err = c.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String("rita")})
	garrisontest.Want(t, err, "InvalidArnException: ")
	_, err = c.ListRetirableGrants(t.Context(), &kms.ListRetirableGrantsInput{RetiringPrincipal: aws.String(userARN(other, "rita"))})
	garrisontest.Want(t, err, mayNot)
}

// TestGrantLimit is AWS's number; a repeated grant is no further one.
func TestGrantLimit(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	key := mustCall[kms.CreateKeyOutput](t, d, by(account), &kms.CreateKeyInput{}).KeyMetadata
	in := grantTo(key, "ann", "Decrypt")
	in.Name = aws.String("orders")
	first := mustCall[kms.CreateGrantOutput](t, d, by(account), in)
	if err := d.service.SetGrants(t.Context(), account, *key.KeyId, service.MaxGrants); err != nil {
		t.Fatal(err)
	}
	if again := mustCall[kms.CreateGrantOutput](t, d, by(account), in); *again.GrantId != *first.GrantId {
		t.Errorf("a repeated grant is %s, want %s", *again.GrantId, *first.GrantId)
	}
	in.Name = nil
	_, err := call[kms.CreateGrantOutput](d, by(account), in)
	garrisontest.Want(t, err, "LimitExceededException: ")
}

// TestGrantsEndWithTheirKey leaves none of a destroyed key, and all of another.
func TestGrantsEndWithTheirKey(t *testing.T) {
	t.Parallel()
	d := newDirect(t)
	keys := []*types.KeyMetadata{}
	for range 2 {
		key := mustCall[kms.CreateKeyOutput](t, d, by(account), &kms.CreateKeyInput{}).KeyMetadata
		keys = append(keys, key)
		for i := range 520 {
			mustCall[kms.CreateGrantOutput](t, d, by(account), grantTo(key, fmt.Sprint(i), "Decrypt"))
			if len(keys) == 2 {
				break
			}
		}
	}
	mustCall[kms.ScheduleKeyDeletionOutput](t, d, by(account), &kms.ScheduleKeyDeletionInput{KeyId: keys[0].KeyId})
	d.clock.Advance(30 * day)
	if err := d.service.DoDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := d.service.GrantIDs(t.Context(), account)
	if err != nil || len(left) != 1 {
		t.Errorf("%d grants are left, %v; want 1", len(left), err)
	}
}
