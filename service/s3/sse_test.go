package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

const canary = "the quick brown canary "

// TestSealed puts small and large bodies by every kind of encryption, reads them whole
// and in part, and looks for them in all that is on disk.
func TestSealed(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	srv := garrisontest.Start(t, func(c *server.Config) { c.Data = data })
	c := client(srv.Config)
	mustCreate(t, c, "sealed", "")
	k, err := kms.NewFromConfig(srv.Config).CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.Repeat("k", 32)
	sum := md5.Sum([]byte(secret))
	key64, sum64 := base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString(sum[:])
	bodies := map[string][]byte{"small": []byte(canary), "large": bytes.Repeat([]byte(canary), 20_000)}
	for kind, in := range map[string]s3.PutObjectInput{
		"default": {}, "s3": {ServerSideEncryption: types.ServerSideEncryptionAes256},
		"kms":       {ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: k.KeyMetadata.Arn},
		"managed":   {ServerSideEncryption: types.ServerSideEncryptionAwsKms},
		"bucketkey": {ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: k.KeyMetadata.KeyId, BucketKeyEnabled: aws.Bool(true)},
		"dsse":      {ServerSideEncryption: types.ServerSideEncryptionAwsKmsDsse, SSEKMSKeyId: k.KeyMetadata.Arn},
		"customer":  {SSECustomerAlgorithm: aws.String("AES256"), SSECustomerKey: &key64, SSECustomerKeyMD5: &sum64},
	} {
		for size, b := range bodies {
			name := kind + "/" + size
			in.Bucket, in.Key, in.Body = aws.String("sealed"), &name, bytes.NewReader(b)
			out, err := c.PutObject(t.Context(), &in)
			if err != nil {
				t.Errorf("%s: PutObject = %v", name, err)
				continue
			}
			if strings.HasPrefix(kind, "kms") && (out.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(out.SSEKMSKeyId) != *k.KeyMetadata.Arn) {
				t.Errorf("%s: PutObject answers %s by %s", name, out.ServerSideEncryption, aws.ToString(out.SSEKMSKeyId))
			}
			ask := s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key, SSECustomerAlgorithm: in.SSECustomerAlgorithm, SSECustomerKey: in.SSECustomerKey, SSECustomerKeyMD5: in.SSECustomerKeyMD5}
			if got, _ := get(t, c, &ask); !bytes.Equal(got, b) {
				t.Errorf("%s: got %d bytes, want %d", name, len(got), len(b))
			}
			ask.Range = aws.String("bytes=4-12")
			if got, _ := get(t, c, &ask); string(got) != canary[4:13] {
				t.Errorf("%s: bytes 4-12 = %q", name, got)
			}
		}
	}
	for _, where := range grep(t, data, canary) {
		t.Errorf("%s has an object's plain bytes", where)
	}
	for _, where := range grep(t, data, secret) {
		t.Errorf("%s has a customer's key", where)
	}
}

// grep names the files under a directory that hold a text.
func grep(t *testing.T, root, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCustomerKeys refuses wrong keys, and gives nothing without the right one.
func TestCustomerKeys(t *testing.T) {
	t.Parallel()
	c := start(t, "customer")
	keys := func(secret string) (*string, *string) {
		sum := md5.Sum([]byte(secret))
		return aws.String(base64.StdEncoding.EncodeToString([]byte(secret))), aws.String(base64.StdEncoding.EncodeToString(sum[:]))
	}
	algorithm := aws.String("AES256")
	right, rightSum := keys(strings.Repeat("r", 32))
	wrong, wrongSum := keys(strings.Repeat("w", 32))
	short, shortSum := keys("short")
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("customer"), Key: aws.String("k"), Body: strings.NewReader("x"), SSECustomerAlgorithm: algorithm, SSECustomerKey: right, SSECustomerKeyMD5: rightSum}); err != nil {
		t.Fatal(err)
	}
	put(t, c, "customer", "plain", []byte("x"))
	for name, tt := range map[string]struct {
		key             string
		algorithm, k, m *string
		want            string
	}{
		"none":            {"k", nil, nil, nil, "InvalidRequest: The object was stored using a form of Server Side Encryption"},
		"another key":     {"k", algorithm, wrong, wrongSum, "AccessDenied"},
		"another's MD5":   {"k", algorithm, right, wrongSum, "InvalidArgument: The calculated MD5 hash"},
		"a short key":     {"k", algorithm, short, shortSum, "InvalidArgument: The secret key was invalid"},
		"a plain object":  {"plain", algorithm, right, rightSum, "InvalidRequest: The encryption parameters are not applicable"},
		"another cipher":  {"k", aws.String("AES128"), right, rightSum, "InvalidEncryptionAlgorithmError"},
		"the right thing": {"k", algorithm, right, rightSum, ""},
	} {
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("customer"), Key: &tt.key, SSECustomerAlgorithm: tt.algorithm, SSECustomerKey: tt.k, SSECustomerKeyMD5: tt.m})
		if err == nil {
			out.Body.Close()
		}
		if tt.want == "" && err != nil || tt.want != "" && !strings.HasPrefix(garrisontest.Fault(err), tt.want) {
			t.Errorf("%s: GetObject = %v, want %q", name, err, tt.want)
		}
	}
}

// TestKeyPolicies lets nobody read by S3 what KMS doesn't let them decrypt.
func TestKeyPolicies(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "guarded", "")
	keys := kms.NewFromConfig(srv.Config)
	k, err := keys.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	in := &s3.PutObjectInput{Bucket: aws.String("guarded"), Key: aws.String("k"), Body: strings.NewReader("x"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: k.KeyMetadata.Arn}
	if _, err := c.PutObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	reader := client(srv.User(t, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`))
	_, err = reader.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("guarded"), Key: aws.String("k")})
	garrisontest.Want(t, err, "AccessDenied: User: arn:aws:iam::"+garrisontest.Account+":user/reader is not authorized to perform: kms:Decrypt")
	in.Body = strings.NewReader("y")
	_, err = reader.PutObject(t.Context(), in)
	garrisontest.Want(t, err, "AccessDenied: User: arn:aws:iam::"+garrisontest.Account+":user/reader is not authorized to perform: kms:GenerateDataKey")
	if _, err := keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: k.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("guarded"), Key: aws.String("k")})
	garrisontest.Want(t, err, "KMS.DisabledException")
	if _, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("guarded"), Key: aws.String("k")}); err != nil {
		t.Errorf("HeadObject, which opens no key, = %v", err)
	}
}

// TestDamage flips a bit of a body on disk: the reader gets an error and no wrong byte,
// and the body is put aside.
func TestDamage(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	c := client(garrisontest.Start(t, func(c *server.Config) { c.Data = data }).Config)
	mustCreate(t, c, "damage", "")
	b := pattern(300_000)
	for name, at := range map[string]int{"begin": 100, "middle": 200_000} {
		put(t, c, "damage", name, b)
		file := newestFile(t, filepath.Join(data, "blobs"))
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		raw[at] ^= 1
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("damage"), Key: &name})
		if err == nil {
			got, readErr := io.ReadAll(out.Body)
			out.Body.Close()
			if err = readErr; !bytes.HasPrefix(b, got) {
				t.Errorf("%s: wrong bytes were given out", name)
			}
		}
		if err == nil {
			t.Errorf("%s: a damaged body was read without an error", name)
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s: the damaged body is still in its place", name)
		}
		if aside, _ := filepath.Glob(filepath.Join(data, "blobs", "*", "quarantine", filepath.Base(file))); len(aside) != 1 {
			t.Errorf("%s: the damaged body is not in quarantine", name)
		}
	}
}

// newestFile is the file that was written last.
func newestFile(t *testing.T, root string) (path string) {
	t.Helper()
	var last fs.FileInfo
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && (last == nil || info.ModTime().After(last.ModTime())) {
			last, path = info, p
		}
		return err
	})
	if err != nil || path == "" {
		t.Fatalf("no body under %s: %v", root, err)
	}
	return path
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
