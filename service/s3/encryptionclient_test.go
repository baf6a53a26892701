package s3_test

import (
	"bytes"
	"io"
	"testing"

	sealing "github.com/aws/amazon-s3-encryption-client-go/v3/client"
	"github.com/aws/amazon-s3-encryption-client-go/v3/materials"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestEncryptionClient has AWS's S3 Encryption Client seal objects before they leave it,
// under a KMS keyring. What S3 holds is not what was put.
func TestEncryptionClient(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	plain := s3.NewFromConfig(srv.Config, func(o *s3.Options) { o.UsePathStyle = true })
	mustCreate(t, plain, "sealed-by-client", "")
	keys := kms.NewFromConfig(srv.Config)
	k, err := keys.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	manager, err := materials.NewCryptographicMaterialsManager(materials.NewKmsKeyring(keys, *k.KeyMetadata.Arn))
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealing.New(plain, manager)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 100, 100_000} {
		want := pattern(size)
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("sealed-by-client"), Key: aws.String("k"), Body: bytes.NewReader(want), Metadata: map[string]string{"owner": "ann"},
		}); err != nil {
			t.Fatalf("%d bytes: PutObject: %v", size, err)
		}
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("sealed-by-client"), Key: aws.String("k")})
		if err != nil {
			t.Fatalf("%d bytes: GetObject: %v", size, err)
		}
		got, err := io.ReadAll(out.Body)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		held, head := get(t, plain, &s3.GetObjectInput{Bucket: aws.String("sealed-by-client"), Key: aws.String("k")})
		if len(held) == size || size > 0 && bytes.Contains(held, want) || head.Metadata["owner"] != "ann" {
			t.Errorf("%d bytes: S3 holds %d, metadata %v", size, len(held), head.Metadata)
		}
	}
}
