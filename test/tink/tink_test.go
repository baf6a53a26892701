// Package tink_test runs a program that uses Tink against a server, with keys in
// two Regions.
package tink_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

var plaintext = bytes.Repeat([]byte("the books of the year\n"), 100)

// program builds the program in testdata.
var program = garrisontest.Program("testdata/program", "program", "main.go")

// TestTink seals and opens in each of the ways in which Tink uses a key of KMS.
func TestTink(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	for _, way := range []string{"envelope", "direct", "keyset"} {
		for _, region := range []string{garrisontest.Region, garrisontest.OtherRegion} {
			t.Run(way+" in "+region, func(t *testing.T) {
				t.Parallel()
				p := &principal{srv: srv, config: srv.Config}
				key, other := newKey(t, srv, region), newKey(t, srv, region)
				sealed := p.must(t, plaintext, way, "seal", key, "acme")
				if bytes.Contains(sealed, []byte("books")) {
					t.Error("what is sealed shows the plaintext")
				}
				if got := p.must(t, sealed, way, "open", key, "acme"); !bytes.Equal(got, plaintext) {
					t.Errorf("opened: %q", got)
				}
				p.fails(t, "", sealed, way, "open", key, "other")
				p.fails(t, "IncorrectKeyException", sealed, way, "open", other, "acme")
				disable(t, srv, key)
				p.fails(t, "DisabledException", sealed, way, "open", key, "acme")
			})
		}
	}
}

// TestAssociatedData shows where Tink's associated data counts: as the
// encryption context of KMS, which a policy can ask for.
func TestAssociatedData(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	key := newKey(t, srv, garrisontest.Region)
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{
		"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": %q,
		"Condition": {"StringEquals": {"kms:EncryptionContext:associatedData": %q}}}]}`,
		strings.TrimPrefix(key, prefix), hex.EncodeToString([]byte("acme")))
	p := &principal{srv: srv, config: srv.User(t, "tenant", policy)}
	sealed := p.must(t, plaintext, "direct", "seal", key, "acme")
	if got := p.must(t, sealed, "direct", "open", key, "acme"); !bytes.Equal(got, plaintext) {
		t.Errorf("opened: %q", got)
	}
	p.fails(t, "not authorized to perform: kms:Encrypt", plaintext, "direct", "seal", key, "other")
	p.fails(t, "not authorized to perform: kms:Decrypt", sealed, "direct", "open", key, "other")
	root := &principal{srv: srv, config: srv.Config}
	root.fails(t, "InvalidCiphertextException", sealed, "direct", "open", key, "other")
}

// TestEnvelopeCalls shows that an envelope of any size costs one call, as AWS's
// records have it.
func TestEnvelopeCalls(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	p := &principal{srv: srv, config: srv.Config}
	key := newKey(t, srv, garrisontest.Region)
	large := bytes.Repeat(plaintext, 1000)
	sealed := p.must(t, large, "envelope", "seal", key, "acme")
	if got := p.must(t, sealed, "envelope", "open", key, "acme"); !bytes.Equal(got, large) {
		t.Error("a large envelope opens to something else")
	}
	arn := strings.TrimPrefix(key, prefix)
	out, err := cloudtrail.NewFromConfig(srv.Config).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyResourceName, AttributeValue: &arn}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range out.Events {
		got = append(got, *e.EventName)
		if strings.Contains(aws.ToString(e.CloudTrailEvent), "books") {
			t.Error("an event shows the plaintext")
		}
	}
	slices.Sort(got)
	if want := []string{"CreateKey", "Decrypt", "Encrypt"}; !slices.Equal(got, want) {
		t.Errorf("events of the key: %v, want %v", got, want)
	}
	p.fails(t, "4096", large, "direct", "seal", key, "acme") // KMS API Reference, Encrypt: at most 4096 bytes
}

// prefix is what Tink puts before a key's ARN.
const prefix = "aws-kms://"

func newKey(t *testing.T, srv *garrisontest.Server, region string) string {
	t.Helper()
	out, err := kms.NewFromConfig(srv.ConfigFor(garrisontest.Account, region)).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatalf("CreateKey in %s: %v", region, err)
	}
	return prefix + *out.KeyMetadata.Arn
}

func disable(t *testing.T, srv *garrisontest.Server, uri string) {
	t.Helper()
	arn := strings.TrimPrefix(uri, prefix)
	c := kms.NewFromConfig(srv.ConfigFor(garrisontest.Account, strings.Split(arn, ":")[3]))
	if _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
}

// A principal runs the program with its credentials.
type principal struct {
	srv    *garrisontest.Server
	config aws.Config
}

func (p *principal) run(t *testing.T, stdin []byte, args ...string) (stdout []byte, stderr string, err error) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	creds, err := p.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var log strings.Builder
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &log
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cmd.Env = append(own,
		"HOME="+t.TempDir(), "AWS_ENDPOINT_URL_KMS="+p.srv.URL, "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID="+creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+creds.SecretAccessKey)
	err = cmd.Run()
	return out.Bytes(), log.String(), err
}

// must runs the program and wants success.
func (p *principal) must(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	out, log, err := p.run(t, stdin, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, log)
	}
	return out
}

// fails runs the program and wants it to fail for the given reason, with no output.
func (p *principal) fails(t *testing.T, reason string, stdin []byte, args ...string) {
	t.Helper()
	out, log, err := p.run(t, stdin, args...)
	if err == nil || !strings.Contains(log, reason) || len(out) != 0 {
		t.Errorf("%s: %v, %d bytes of output\n%s\nwant a failure with %q", strings.Join(args, " "), err, len(out), log, reason)
	}
}
