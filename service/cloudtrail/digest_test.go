package cloudtrail_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const digestPrefix = "AWSLogs/" + garrisontest.Account + "/CloudTrail-Digest/" + garrisontest.Region + "/"

// digested makes events over two hours, until three digests are there.
func digested(t *testing.T, s *site) []string {
	t.Helper()
	s.start(t, cloudtrail.CreateTrailInput{Name: aws.String("proof"), EnableLogFileValidation: aws.Bool(true)})
	for hour := range 3 {
		s.random(t)
		s.delivered(t, "AWSLogs/"+garrisontest.Account+"/CloudTrail/", "GenerateRandom")
		s.Clock.Advance(time.Hour)
		if !garrisontest.Eventually(func() bool { return len(s.keys(t, digestPrefix)) == hour+1 }) {
			t.Fatalf("digests after %d hours = %v, want %d", hour+1, s.keys(t, digestPrefix), hour+1)
		}
	}
	return s.keys(t, digestPrefix)
}

// digest are the fields that signatures are made of.
type digest struct {
	Start       string  `json:"digestStartTime"`
	End         string  `json:"digestEndTime"`
	Bucket      string  `json:"digestS3Bucket"`
	Object      string  `json:"digestS3Object"`
	Fingerprint string  `json:"digestPublicKeyFingerprint"`
	PrevObject  *string `json:"previousDigestS3Object"`
	PrevHash    *string `json:"previousDigestHashValue"`
	PrevSign    *string `json:"previousDigestSignature"`
	Files       []struct {
		Object string `json:"s3Object"`
		Hash   string `json:"hashValue"`
	} `json:"logFiles"`
}

// TestDigests verifies a chain of digests by AWS's published steps (CloudTrail User
// Guide, "Custom implementations of CloudTrail log file integrity validation").
func TestDigests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	keys := digested(t, s)
	listed, err := s.trail.ListPublicKeys(t.Context(), &cloudtrail.ListPublicKeysInput{EndTime: aws.Time(s.Clock.Now())})
	if err != nil || len(listed.PublicKeyList) != 1 {
		t.Fatalf("ListPublicKeys = %+v, %v; want one", listed, err)
	}
	public, err := x509.ParsePKCS1PublicKey(listed.PublicKeyList[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	var last digest
	var lastBody []byte
	var lastSign string
	files := 0
	for i, key := range keys {
		body, metadata := s.read(t, key)
		var d digest
		if err := json.Unmarshal(body, &d); err != nil {
			t.Fatal(err)
		}
		if d.Object != key || d.Fingerprint != *listed.PublicKeyList[0].Fingerprint || metadata["signature-algorithm"] != "SHA256withRSA" {
			t.Errorf("digest %s names %s, key %s, algorithm %s", key, d.Object, d.Fingerprint, metadata["signature-algorithm"])
		}
		if i > 0 && (*d.PrevObject != last.Object || *d.PrevHash != sum(lastBody) || *d.PrevSign != lastSign || d.Start != last.End) {
			t.Errorf("digest %d = %+v does not follow %+v", i, d, last)
		}
		verify(t, public, &d, body, metadata["signature"])
		for _, f := range d.Files {
			files++
			if plain, _ := s.read(t, f.Object); sum(plain) != f.Hash {
				t.Errorf("%s: hash = %s, want %s", f.Object, sum(plain), f.Hash)
			}
		}
		last, lastBody, lastSign = d, body, metadata["signature"]
	}
	if files < 3 {
		t.Errorf("digests name %d files, want at least the 3 of the hours before", files)
	}
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func verify(t *testing.T, key *rsa.PublicKey, d *digest, body []byte, signature string) {
	t.Helper()
	previous := "null"
	if d.PrevSign != nil {
		previous = *d.PrevSign
	}
	signed := sha256.Sum256([]byte(d.End + "\n" + d.Bucket + "/" + d.Object + "\n" + sum(body) + "\n" + previous))
	raw, err := hex.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, signed[:], raw); err != nil {
		t.Errorf("signature of %s: %v", d.Object, err)
	}
}

// TestValidateLogs has the AWS CLI validate a trail: as it is, with a log file changed
// by one byte, and with a log file and a digest taken away.
func TestValidateLogs(t *testing.T) {
	t.Parallel()
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	s := newSite(t)
	begin := s.Clock.Now()
	digests := digested(t, s)
	validate := func() string { return s.validate(t, cli, begin) }
	if out := validate(); strings.Contains(out, "INVALID") || !strings.Contains(out, "3/3 digest files valid") || !strings.Contains(out, "log files valid") {
		t.Fatalf("validate-logs = %s, want all valid", out)
	}
	logs := s.keys(t, "AWSLogs/"+garrisontest.Account+"/CloudTrail/")
	first, _ := s.read(t, logs[0])
	s.write(t, logs[0], bytes.Replace(first, []byte("GenerateRandom"), []byte("GenerateRandon"), 1))
	if out := validate(); !strings.Contains(out, logs[0]+"\tINVALID: hash value doesn't match") {
		t.Errorf("validate-logs of a changed file = %s", out)
	}
	s.remove(t, logs[1])
	if out := validate(); !strings.Contains(out, logs[1]+"\tINVALID: not found") {
		t.Errorf("validate-logs without a file = %s", out)
	}
	s.remove(t, digests[1])
	if out := validate(); !strings.Contains(out, digests[1]+"\tINVALID: not found") {
		t.Errorf("validate-logs without a digest = %s", out)
	}
}

// validate runs the AWS CLI's validation of the trail, and returns what it says.
func (s *site) validate(t *testing.T, cli string, begin time.Time) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	who, err := s.Config.Credentials.Retrieve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(config, []byte("[default]\ns3 =\n  addressing_style = path\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const layout = "2006-01-02T15:04:05Z"
	cmd := exec.CommandContext(ctx, cli, "cloudtrail", "validate-logs", "--verbose",
		"--trail-arn", "arn:aws:cloudtrail:"+garrisontest.Region+":"+garrisontest.Account+":trail/proof",
		"--start-time", begin.Add(-time.Minute).Format(layout), "--end-time", s.Clock.Now().Add(time.Minute).Format(layout))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_CONFIG_FILE=" + config, "AWS_ENDPOINT_URL=" + s.URL, "AWS_REGION=" + garrisontest.Region,
		"AWS_DEFAULT_REGION=" + garrisontest.Region, "AWS_ACCESS_KEY_ID=" + who.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + who.SecretAccessKey,
	}
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "INVALID") {
		t.Fatalf("validate-logs: %v: %s", err, out)
	}
	return string(out)
}

func (s *site) write(t *testing.T, key string, plain []byte) {
	t.Helper()
	if _, err := s.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(packed(t, plain))}); err != nil {
		t.Fatal(err)
	}
}

func (s *site) remove(t *testing.T, key string) {
	t.Helper()
	if _, err := s.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: &key}); err != nil {
		t.Fatal(err)
	}
}
