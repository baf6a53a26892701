package kms_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A naming is how an operation takes keys' names.
type naming int

const (
	ownKey    naming = iota // an id or ARN of the account's own keys
	anyKey                  // an id, or an ARN of whoever's
	anyName                 // an alias too
	grantKey                // like anyKey; of an alias AWS has words of its own
	listedKey               // like ownKey; but what is asked for is the list, whatever the key
	aliasKey                // like ownKey; that an alias stands for no alias is said of its form
)

// namings are the operations that name a key, by the API Reference's "Cross-account
// use" and "KeyId"; those not here are ownKey.
var namings = map[string]naming{
	"CreateAlias": aliasKey, "UpdateAlias to": aliasKey,
	"CreateGrant": grantKey, "ListGrants": grantKey, "RevokeGrant": grantKey,
	"GetKeyRotationStatus": anyKey, "ListAliases": listedKey,
	"DeriveSharedSecret": anyName, "DescribeKey": anyName, "Encrypt": anyName, "GenerateDataKey": anyName,
	"GenerateDataKeyPair": anyName, "GenerateDataKeyPairWithoutPlaintext": anyName, "GenerateDataKeyWithoutPlaintext": anyName,
	"GenerateMac": anyName, "GetPublicKey": anyName, "ReEncrypt to": anyName, "Sign": anyName, "Verify": anyName, "VerifyMac": anyName,
}

// byAnother are the calls that name a key otherwise than by its name.
var byAnother = []string{"Decrypt", "DeleteAlias", "ReEncrypt from", "RetireGrant", "UpdateAlias from"}

// TestWrongNames calls every operation with names that lead nowhere, or to what is
// not the caller's.
func TestWrongNames(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	theirs := createKey(t, kms.NewFromConfig(s.ConfigFor(other, region)))
	far := createKey(t, kms.NewFromConfig(s.ConfigFor(account, elsewhere)))
	denied := "AccessDeniedException: User: " + rootARN(account) + " is not authorized to perform: kms:"
	noKey := "NotFoundException: Invalid keyId 'GIVEN'"
	badARN := "NotFoundException: Invalid arn GIVEN"
	peers := map[bool]*types.KeyMetadata{false: createKey(t, c), true: createSpec(t, c, "ECC_NIST_P256", agreement)}
	for i, tt := range []struct {
		given string
		want  map[naming]string
	}{
		{nobody, map[naming]string{ownKey: "NotFoundException: Key '" + keyARN(nobody) + "' does not exist"}},
		{*far.KeyId, map[naming]string{ownKey: "NotFoundException: Key '" + keyARN(*far.KeyId) + "' does not exist"}},
		{*far.Arn, map[naming]string{ownKey: "NotFoundException: Invalid arn " + elsewhere}},
		{*theirs.Arn, map[naming]string{ownKey: denied, listedKey: "NotFoundException: Key 'GIVEN' does not exist"}},
		{*theirs.KeyId, map[naming]string{ownKey: "NotFoundException: Key '" + keyARN(*theirs.KeyId) + "' does not exist"}},
		{"alias/none", map[naming]string{
			ownKey: noKey, anyName: "NotFoundException: Alias " + aliasARN("alias/none") + " is not found.",
			aliasKey: "ValidationException: Aliases must refer to keys. Not aliases",
		}},
		{aliasARN("alias/none"), map[naming]string{
			ownKey: noKey, anyName: "NotFoundException: Alias GIVEN is not found.",
			grantKey: "InvalidArnException: Key Aliases are not supported for this operation.",
			aliasKey: "ValidationException: Aliases must refer to keys. Not aliases",
		}},
		{"arn:aws:kms:" + region + ":" + account, map[naming]string{ownKey: badARN}},
		{"arn:aws:kms:" + region + ":" + account + ":cle/" + nobody, map[naming]string{ownKey: badARN}},
		{"arn:aws:kms:" + region + "::key/" + nobody, map[naming]string{ownKey: badARN}},
		{"arn:aws:s3:" + region + ":" + account + ":key/" + nobody, map[naming]string{ownKey: badARN}},
		{"arn:aws-cn:kms:" + region + ":" + account + ":key/" + nobody, map[naming]string{ownKey: "NotFoundException: Invalid arn " + region}},
		{strings.ToUpper(nobody[:8]) + "-x", map[naming]string{ownKey: noKey}},
	} {
		for name, attempt := range stateCalls {
			if slices.Contains(byAnother, name) {
				continue
			}
			f := &fixture{
				c: c, key: &types.KeyMetadata{KeyId: aws.String(tt.given)}, peer: peers[name == "DeriveSharedSecret"],
				alias: fmt.Sprint("alias/new-", i), signature: []byte("s"), mac: make([]byte, 32),
				grant: &kms.CreateGrantOutput{GrantId: aws.String(strings.Repeat("0", 64))},
			}
			wanted, ok := tt.want[namings[name]]
			if !ok {
				wanted = tt.want[ownKey]
			}
			wanted = strings.ReplaceAll(wanted, "GIVEN", tt.given)
			if got := garrisontest.Fault(attempt(t.Context(), f)); !strings.HasPrefix(got, wanted) {
				t.Errorf("%s of %s: %q, want %q", name, tt.given, got, wanted)
			}
		}
	}
}
