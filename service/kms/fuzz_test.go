package kms_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/service/kms"
)

// FuzzKeyID gives any text as a key id: it names nothing, or a key of the form
// that ids have.
func FuzzKeyID(f *testing.F) {
	d := newDirect(f)
	for _, seed := range []string{nobody, keyARN(nobody), "alias/x", aliasARN("alias/x"), "arn:", "arn:aws:kms:::", "mrk-" + strings.Repeat("0", 32), "key/" + nobody} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		_, err := call[sdk.DescribeKeyOutput](d, by(account), &sdk.DescribeKeyInput{KeyId: &id})
		if err == nil {
			if !strings.Contains(id, "alias/aws/") { // those are made when they are described
				t.Errorf("%q names a key", id)
			}
			return
		}
		got := garrisontest.Fault(err)
		if !strings.HasPrefix(got, "NotFoundException: ") && !strings.HasPrefix(got, "User: ") {
			t.Errorf("%q: error %q", id, got)
		}
		if kms.IsKeyID(id) && got != "NotFoundException: Key '"+keyARN(id)+"' does not exist" {
			t.Errorf("%q has the form of a key id: %q", id, got)
		}
	})
}

// FuzzDecrypt gives any bytes as a ciphertext.
func FuzzDecrypt(f *testing.F) {
	d := newDirect(f)
	id := mustCall[sdk.CreateKeyOutput](f, d, by(account), &sdk.CreateKeyInput{}).KeyMetadata.KeyId
	good := mustCall[sdk.EncryptOutput](f, d, by(account), &sdk.EncryptInput{KeyId: id, Plaintext: []byte("seed")}).CiphertextBlob
	f.Add(good)
	f.Add(good[:60])
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, blob []byte) {
		out, err := call[sdk.DecryptOutput](d, by(account), &sdk.DecryptInput{CiphertextBlob: blob})
		if err == nil {
			if string(blob) != string(good) || string(out.Plaintext) != "seed" {
				t.Errorf("%x opens to %d bytes", blob, len(out.Plaintext))
			}
			return
		}
		got := garrisontest.Fault(err)
		for _, ok := range []string{"InvalidCiphertextException: ", "AccessDeniedException: The ciphertext refers", "ValidationException: ", "User: "} {
			if strings.HasPrefix(got, ok) {
				return
			}
		}
		t.Errorf("%x: error %q", blob, got)
	})
}

// FuzzGrantToken gives any text as a grant token.
func FuzzGrantToken(f *testing.F) {
	d := newDirect(f)
	key := mustCall[sdk.CreateKeyOutput](f, d, by(account), &sdk.CreateKeyInput{}).KeyMetadata
	good := *mustCall[sdk.CreateGrantOutput](f, d, by(account), grantTo(key, "ann", "Decrypt")).GrantToken
	for _, seed := range []string{good, good[:80], good + "\n", good + "A", "x", "", strings.Repeat("A", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, err := call[sdk.DescribeKeyOutput](d, by(account), &sdk.DescribeKeyInput{KeyId: key.KeyId, GrantTokens: []string{token}})
		if got := garrisontest.Fault(err); (got == "") != (token == good) || got != "" && !strings.HasPrefix(got, "InvalidGrantTokenException: ") {
			t.Errorf("%q: error %q", token, got)
		}
	})
}
