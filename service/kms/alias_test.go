package kms_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestAliasLife(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	one, two := createKey(t, c), createKey(t, c)
	createAlias(t, c, "alias/app", one)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: aws.String("alias/app"), Plaintext: []byte("x")})

	s.Clock.Advance(time.Hour)
	_, err := c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/app"), TargetKeyId: two.Arn})
	garrisontest.Want(t, err, "")
	out, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{})
	if err != nil || len(out.Aliases) != 1 {
		t.Fatalf("aliases = %v, %v; want one", out, err)
	}
	a := out.Aliases[0]
	if *a.AliasName != "alias/app" || *a.AliasArn != aliasARN("alias/app") || *a.TargetKeyId != *two.KeyId {
		t.Errorf("alias = %s, %s, %s", *a.AliasName, *a.AliasArn, *a.TargetKeyId)
	}
	if d := a.LastUpdatedDate.Sub(*a.CreationDate); d != time.Hour {
		t.Errorf("updated %v after it was created, want an hour", d)
	}
	// The ciphertext still names the first key.
	plain, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	if err != nil || *plain.KeyId != *one.Arn {
		t.Errorf("decrypted under %v, %v; want %s", plain, err, *one.Arn)
	}
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, KeyId: aws.String("alias/app")})
	garrisontest.Want(t, err, "IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation.")

	_, err = c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: aws.String("alias/app")})
	garrisontest.Want(t, err, "")
	_, err = c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/app")})
	garrisontest.Want(t, err, "NotFoundException: Alias "+aliasARN("alias/app")+" is not found.")
}

func TestAliasErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k, mac := createKey(t, c), createSpec(t, c, "HMAC_256", "GENERATE_VERIFY_MAC")
	createAlias(t, c, "alias/taken", k)
	tests := []struct{ name, target, create, update, remove string }{
		{"alias/taken", *k.KeyId, "AlreadyExistsException: An alias with the name " + aliasARN("alias/taken") + " already exists", "", "skip"},
		{"taken", *k.KeyId, `ValidationException: Alias must start with the prefix "alias/".`, "ValidationException: Alias must start", "ValidationException: Alias must start"},
		{"alias/", *k.KeyId, "ValidationException: Invalid identifier", "ValidationException: Invalid identifier", "ValidationException: Invalid identifier"},
		{"alias/a:b", *k.KeyId, "ValidationException: alias/a:b contains invalid characters for an alias", "ValidationException: alias/a:b", "ValidationException: alias/a:b"},
		{"alias/a b", *k.KeyId, "ValidationException: 1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$", "ValidationException: 1", "ValidationException: 1"},
		{"alias/aws/mine", *k.KeyId, "NotAuthorizedException: ", "NotAuthorizedException: ", "NotAuthorizedException: "},
		{"alias/new", "alias/taken", "ValidationException: Aliases must refer to keys. Not aliases", "ValidationException: Aliases must", "NotFoundException: Alias " + aliasARN("alias/new") + " is not found."},
		{"alias/new", nobody, "NotFoundException: Key '" + keyARN(nobody) + "' does not exist", "NotFoundException: ", "NotFoundException: "},
		{"alias/new", "arn:aws:kms:" + region + ":" + other + ":key/" + nobody, "AccessDeniedException: ", "NotFoundException: Alias ", "NotFoundException: "},
		{"alias/none", *k.KeyId, "skip", "NotFoundException: Alias " + aliasARN("alias/none") + " is not found.", "NotFoundException: Alias "},
		{"alias/taken", *mac.KeyId, "AlreadyExistsException: ", "ValidationException: ", "skip"},
	}
	check := func(err error, what, name, wanted string) {
		t.Helper()
		if got := garrisontest.Fault(err); wanted == "" && got != "" || len(got) < len(wanted) || got[:len(wanted)] != wanted {
			t.Errorf("%s %s: error = %q, want %q", what, name, got, wanted)
		}
	}
	for _, tt := range tests {
		if tt.create != "skip" {
			_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &tt.name, TargetKeyId: &tt.target})
			check(err, "create", tt.name, tt.create)
		}
		_, err := c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: &tt.name, TargetKeyId: &tt.target})
		check(err, "update", tt.name, tt.update)
		if tt.remove != "skip" {
			_, err := c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: &tt.name})
			check(err, "delete", tt.name, tt.remove)
		}
	}
}

func TestAliasesAreEachAccountsAndRegionsOwn(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	createAlias(t, c, "alias/app", createKey(t, c))
	for _, where := range []struct{ account, region string }{{other, region}, {account, garrisontest.OtherRegion}} {
		there := kms.NewFromConfig(s.ConfigFor(where.account, where.region))
		createAlias(t, there, "alias/app", createKey(t, there))
		out, err := there.ListAliases(t.Context(), &kms.ListAliasesInput{})
		if err != nil || len(out.Aliases) != 1 {
			t.Errorf("aliases in %v = %v, %v; want its own alone", where, out, err)
		}
	}
}

func TestAliasesPerKeyAreLimited(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	for i := range 50 {
		createAlias(t, c, fmt.Sprintf("alias/n-%02d", i), k)
	}
	_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/n-50"), TargetKeyId: k.KeyId})
	garrisontest.Want(t, err, "LimitExceededException: ")
	// An alias that is the key's already makes it no more.
	_, err = c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/n-00"), TargetKeyId: k.KeyId})
	garrisontest.Want(t, err, "")
}

func TestListAliasesPages(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	one, two := createKey(t, c), createKey(t, c)
	var names, ofOne []string
	for i := range 9 {
		name := fmt.Sprintf("alias/n-%d", i)
		names = append(names, name)
		k := two
		if i%2 == 0 {
			k, ofOne = one, append(ofOne, name)
		}
		createAlias(t, c, name, k)
	}
	for _, tt := range []struct {
		key  *string
		want []string
	}{{nil, names}, {one.KeyId, ofOne}, {one.Arn, ofOne}} {
		var got []string
		pages := kms.NewListAliasesPaginator(c, &kms.ListAliasesInput{Limit: aws.Int32(2), KeyId: tt.key})
		for pages.HasMorePages() {
			out, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range out.Aliases {
				got = append(got, *a.AliasName)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("aliases of %s (-want +got):\n%s", aws.ToString(tt.key), diff)
		}
	}
	out, err := c.ListAliases(t.Context(), &kms.ListAliasesInput{Limit: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	// A marker of one list is none of another.
	_, err = c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: one.KeyId, Marker: out.NextMarker})
	garrisontest.Want(t, err, "InvalidMarkerException: ")
	_, err = c.ListKeys(t.Context(), &kms.ListKeysInput{Marker: out.NextMarker})
	garrisontest.Want(t, err, "InvalidMarkerException: ")
}

// TestCreateAliasOnce lets many calls race for one name.
func TestCreateAliasOnce(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	var wg sync.WaitGroup
	results := make([]string, 8)
	for i := range results {
		wg.Go(func() {
			_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/one"), TargetKeyId: k.KeyId})
			results[i] = garrisontest.ErrorCode(err)
		})
	}
	wg.Wait()
	slices.Sort(results)
	if results[0] != "" || results[1] != "AlreadyExistsException" || results[7] != "AlreadyExistsException" {
		t.Errorf("results = %q, want one success", results)
	}
}

// TestAliasOperationsAskTwice needs permission on the alias and on the key.
func TestAliasOperationsAskTwice(t *testing.T) {
	t.Parallel()
	s, root := start(t)
	one, two := createKey(t, root), createKey(t, root)
	on := func(resources ...string) string {
		list := ""
		for i, r := range resources {
			if i > 0 {
				list += `","`
			}
			list += r
		}
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*Alias","Resource":["` + list + `"]}}`
	}
	name := aws.String("alias/app")
	create := func(c *kms.Client) error {
		_, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: name, TargetKeyId: one.KeyId})
		return err
	}
	update := func(c *kms.Client, k *types.KeyMetadata) error {
		_, err := c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: name, TargetKeyId: k.KeyId})
		return err
	}
	remove := func(c *kms.Client) error {
		_, err := c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: name})
		return err
	}
	onlyAlias := user(t, s, "only-alias", on(aliasARN("alias/app")))
	onlyKey := user(t, s, "only-key", on(*one.Arn))
	onOne := user(t, s, "on-one", on(*one.Arn, aliasARN("alias/*")))
	garrisontest.Want(t, create(onlyAlias), "AccessDeniedException: User: arn:aws:iam::"+account+":user/only-alias is not authorized to perform: kms:CreateAlias on resource: "+*one.Arn)
	garrisontest.Want(t, create(onlyKey), "AccessDeniedException: User: arn:aws:iam::"+account+":user/only-key is not authorized to perform: kms:CreateAlias on resource: "+aliasARN("alias/app"))
	garrisontest.Want(t, create(onOne), "")
	garrisontest.Want(t, update(onOne, two), "AccessDeniedException: User: arn:aws:iam::"+account+":user/on-one is not authorized to perform: kms:UpdateAlias on resource: "+*two.Arn)
	garrisontest.Want(t, update(root, two), "")
	garrisontest.Want(t, update(onOne, one), "AccessDeniedException: User: arn:aws:iam::"+account+":user/on-one is not authorized to perform: kms:UpdateAlias on resource: "+*two.Arn)
	garrisontest.Want(t, remove(onOne), "AccessDeniedException: User: arn:aws:iam::"+account+":user/on-one is not authorized to perform: kms:DeleteAlias on resource: "+*two.Arn)
	garrisontest.Want(t, remove(root), "")
}
