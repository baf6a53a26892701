package kms_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	ctypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func lastUsage(t *testing.T, c *kms.Client, id *string) *kms.GetKeyLastUsageOutput {
	t.Helper()
	out, err := c.GetKeyLastUsage(t.Context(), &kms.GetKeyLastUsageInput{KeyId: id})
	if err != nil {
		t.Fatalf("last usage: %v", err)
	}
	return out
}

// TestKeyLastUsage uses keys in each way that counts, and in some that do not.
func TestKeyLastUsage(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	from, to := createKey(t, c), createKey(t, c)
	if got := lastUsage(t, c, from.KeyId); got.KeyLastUsage != nil || *got.KeyId != *from.KeyId || got.TrackingStartDate.After(*got.KeyCreationDate) {
		t.Errorf("usage of a new key = %+v, want none", got)
	}
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: from.KeyId, Plaintext: []byte("x")})
	_, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: to.KeyId})
	garrisontest.Want(t, err, "")
	// Neither a description nor a failure is a use.
	describe(t, c, *from.KeyId)
	_, err = c.Sign(t.Context(), &kms.SignInput{KeyId: to.KeyId, Message: []byte("x"), SigningAlgorithm: "ECDSA_SHA_256"})
	garrisontest.Want(t, err, "InvalidKeyUsageException: ")
	one, two := lastUsage(t, c, from.KeyId).KeyLastUsage, lastUsage(t, c, to.KeyId).KeyLastUsage
	if one.Operation != "ReEncrypt" || two.Operation != "ReEncrypt" || *one.CloudTrailEventId != *two.CloudTrailEventId || *one.KmsRequestId != *two.KmsRequestId {
		t.Errorf("usages = %+v and %+v, want the same ReEncrypt", one, two)
	}
}

// event finds the newest event of a name in an account.
func event(t *testing.T, s *garrisontest.Server, of, name string) map[string]any {
	t.Helper()
	c := cloudtrail.NewFromConfig(s.ConfigFor(of, region))
	var found map[string]any
	eventually(t, func() bool {
		out, err := c.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
			LookupAttributes: []ctypes.LookupAttribute{{AttributeKey: ctypes.LookupAttributeKeyEventName, AttributeValue: &name}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Events) == 0 {
			return false
		}
		if err := json.Unmarshal([]byte(*out.Events[0].CloudTrailEvent), &found); err != nil {
			t.Fatal(err)
		}
		return true
	})
	return found
}

// TestBothAccountsHaveTheEvent has one account use the other's key: each has an event
// of it, under one shared id, and the owner does not learn the user's address.
func TestBothAccountsHaveTheEvent(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	putPolicy(t, c, k, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*",`+
		`"Principal":{"AWS":["`+account+`","`+other+`"]}}}`)
	foreign := kms.NewFromConfig(s.ConfigFor(other, region))
	if _, err := foreign.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: k.Arn, KeySpec: "AES_256"}); err != nil {
		t.Fatal(err)
	}
	theirs, ours := event(t, s, other, "GenerateDataKey"), event(t, s, account, "GenerateDataKey")
	if theirs["sharedEventID"] == nil || theirs["sharedEventID"] != ours["sharedEventID"] || theirs["eventID"] == ours["eventID"] {
		t.Errorf("events = %v and %v, want two of one call", theirs, ours)
	}
	if ours["recipientAccountId"] != account || theirs["recipientAccountId"] != other {
		t.Errorf("recipients = %v and %v", ours["recipientAccountId"], theirs["recipientAccountId"])
	}
	who, _ := ours["userIdentity"].(map[string]any)
	if who["type"] != "AWSAccount" || who["accountId"] != other || who["arn"] != nil || who["accessKeyId"] != nil {
		t.Errorf("the owner sees %v, want the account alone", who)
	}
	if got := *lastUsage(t, c, k.KeyId).KeyLastUsage.CloudTrailEventId; got != ours["eventID"] {
		t.Errorf("last usage names event %s, want the owner's %v", got, ours["eventID"])
	}
	// A denied call is the caller's own affair.
	_, err := foreign.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: k.Arn})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	_, err = foreign.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String(keyARN(nobody))})
	garrisontest.Want(t, err, "AccessDeniedException: ")
}

// TestServiceEvents looks for what KMS did by itself.
func TestServiceEvents(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	rotateNow(t, c, k)
	e := event(t, s, account, "RotateKey")
	details, _ := e["serviceEventDetails"].(map[string]any)
	if e["eventType"] != "AwsServiceEvent" || details["keyId"] != *k.KeyId || details["rotationType"] != "ON_DEMAND" || details["previousBackingKeyId"] != *k.CurrentKeyMaterialId {
		t.Errorf("event of a rotation = %v", e)
	}
	if who, _ := e["userIdentity"].(map[string]any); who["invokedBy"] != "AWS Internal" || who["accountId"] != account {
		t.Errorf("it was done by %v, want AWS itself", who)
	}
	schedule(t, c, k, 7)
	s.Clock.Advance(7 * day)
	if e := event(t, s, account, "DeleteKey"); e["eventType"] != "AwsServiceEvent" {
		t.Errorf("event of a deletion = %v", e)
	}
}
