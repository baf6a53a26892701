package kms_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// keyPolicy is a policy of one statement that allows an action, after one that
// lets the account's root manage the key.
func keyPolicy(principal, action, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[` +
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":["kms:PutKeyPolicy","kms:ScheduleKeyDeletion"],"Resource":"*"},` +
		`{"Effect":"Allow","Principal":` + principal + `,"Action":"` + action + `","Resource":"*"` + condition + `}]}`
}

const allowAccount = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"kms:*","Resource":"*"}}`

func TestKeyPolicyIsKept(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	out, err := c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: k.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"key-default-1"`, `"Enable IAM User Permissions"`, `"arn:aws:iam::` + account + `:root"`, `"kms:*"`} {
		if !strings.Contains(*out.Policy, part) {
			t.Errorf("default policy has no %s:\n%s", part, *out.Policy)
		}
	}
	if *out.PolicyName != "default" {
		t.Errorf("policy name = %s", *out.PolicyName)
	}
	putPolicy(t, c, k, allowAccount)
	if out, err = c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: k.Arn, PolicyName: aws.String("default")}); err != nil || *out.Policy != allowAccount {
		t.Errorf("policy = %v, %v; want it as it was put", out, err)
	}
	_, err = c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: k.KeyId, PolicyName: aws.String("second")})
	garrisontest.Want(t, err, "NotFoundException: No such policy exists")
	list, err := c.ListKeyPolicies(t.Context(), &kms.ListKeyPoliciesInput{KeyId: k.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ListKeyPolicies(t.Context(), &kms.ListKeyPoliciesInput{KeyId: k.KeyId, Marker: aws.String("made-up")})
	garrisontest.Want(t, err, "InvalidMarkerException: Could not deserialize marker made-up")
	if diff := cmp.Diff([]string{"default"}, list.PolicyNames); diff != "" || list.Truncated {
		t.Errorf("policies: %s, truncated %v", diff, list.Truncated)
	}
}

func TestPutKeyPolicyErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	locksOut := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"kms:*","Resource":"*"}}`
	for _, tt := range []struct {
		name, policyName, policy, want string
		bypass                         bool
	}{
		{"locks out", "", locksOut, "MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the future.", false},
		{"too large", "", allowAccount + strings.Repeat(" ", 32<<10), "LimitExceededException: ", true},
		{"not JSON", "", `{"Version"`, "MalformedPolicyDocumentException: ", true},
		{"no principal", "", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`, "MalformedPolicyDocumentException: ", true},
		{"other name", "second", allowAccount, "NotFoundException: ", false},
		{"locks out knowingly", "", locksOut, "", true},
	} {
		in := &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &tt.policy, BypassPolicyLockoutSafetyCheck: tt.bypass}
		if tt.policyName != "" {
			in.PolicyName = &tt.policyName
		}
		_, err := c.PutKeyPolicy(t.Context(), in)
		if got := garrisontest.Fault(err); tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
	// The last one was accepted, and is obeyed: the account is out.
	_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":root is not authorized to perform: kms:DescribeKey on resource: "+*k.Arn+" because no resource-based policy allows the kms:DescribeKey action")
}

// TestLockoutCheckKnowsTheCaller puts policies that let only their author back in.
func TestLockoutCheckKnowsTheCaller(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	c := user(t, s, "author", allowing("kms:*"))
	k := createKey(t, c)
	arn := "arn:aws:iam::" + account + ":user/author"
	for policy, wanted := range map[string]string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:PutKeyPolicy","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"` + arn + `x"}}}}`: "MalformedPolicyDocumentException: The new key policy",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"kms:Encrypt","Resource":"*"}}`:                                                          "MalformedPolicyDocumentException: The new key policy",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"` + arn + `"}}}}`:             "",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"kms:*","Resource":"*"}}`:                                                                "",
	} {
		_, err := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: k.KeyId, Policy: &policy})
		garrisontest.Want(t, err, wanted)
	}
}

// TestKeyPolicyIsTheRootOfTrust shows what IAM alone can do, and cannot.
func TestKeyPolicyIsTheRootOfTrust(t *testing.T) {
	t.Parallel()
	s, root := start(t)
	k := createKey(t, root)
	may := user(t, s, "may", allowing("kms:Encrypt"))
	named := user(t, s, "named", "")
	call := func(c *kms.Client) error {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
		return err
	}
	refusal := func(name, because string) string {
		return "AccessDeniedException: User: arn:aws:iam::" + account + ":user/" + name +
			" is not authorized to perform: kms:Encrypt on resource: " + *k.Arn + " because " + because
	}
	garrisontest.Want(t, call(may), "")
	garrisontest.Want(t, call(named), refusal("named", "no identity-based policy allows the kms:Encrypt action"))

	putPolicy(t, root, k, keyPolicy(`{"AWS":"arn:aws:iam::`+account+`:user/named"}`, "kms:Encrypt", ""))
	garrisontest.Want(t, call(may), refusal("may", "no resource-based policy allows the kms:Encrypt action"))
	garrisontest.Want(t, call(named), "")

	putPolicy(t, root, k, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":"kms:*","Resource":"*"},`+
		`{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::`+account+`:user/may"},"Action":"kms:Encrypt","Resource":"*"}]}`)
	garrisontest.Want(t, call(may), strings.TrimSuffix(refusal("may", ""), "because ")+"with an explicit deny in a resource-based policy")
}

// TestCrossAccountUse needs both accounts to say yes, and takes ARNs only.
func TestCrossAccountUse(t *testing.T) {
	t.Parallel()
	s, root := start(t)
	k := createKey(t, root)
	createAlias(t, root, "alias/shared", k)
	foreign := kms.NewFromConfig(s.UserOf(t, other, "guest", allowing("kms:Encrypt", "kms:Decrypt", "kms:DescribeKey")))
	powerless := kms.NewFromConfig(s.UserOf(t, other, "powerless", ""))
	call := func(c *kms.Client, id string) error {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x")})
		return err
	}
	hidden := " because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
	denied := "AccessDeniedException: User: arn:aws:iam::" + other + ":user/guest is not authorized to perform: kms:"
	garrisontest.Want(t, call(foreign, *k.Arn), denied+"Encrypt on resource: "+*k.Arn+hidden)
	garrisontest.Want(t, call(foreign, keyARN(nobody)), denied+"Encrypt on resource: "+keyARN(nobody)+hidden)
	blob := encrypt(t, root, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	_, err := foreign.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, denied+"Decrypt on the resource associated with this ciphertext"+hidden)

	putPolicy(t, root, k, keyPolicy(`{"AWS":"`+other+`"}`, "kms:*", ""))
	garrisontest.Want(t, call(foreign, *k.Arn), "")
	garrisontest.Want(t, call(foreign, aliasARN("alias/shared")), "")
	garrisontest.Want(t, call(foreign, "alias/shared"), "NotFoundException: Alias arn:aws:kms:"+region+":"+other+":alias/shared is not found.")
	garrisontest.Want(t, call(powerless, *k.Arn), "AccessDeniedException: ")
	_, err = foreign.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, "")
}
