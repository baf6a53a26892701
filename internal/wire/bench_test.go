package wire_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// BenchmarkEncrypt decodes a kms Encrypt of 4 KiB and encodes its answer.
func BenchmarkEncrypt(b *testing.B) {
	s := mustService(b, "kms", []wire.Operation{operation[kms.EncryptInput, kms.EncryptOutput]("Encrypt")})
	op, _ := s.Operation("Encrypt")
	plain := bytes.Repeat([]byte("garrison"), 512)
	req := &wire.Request{Method: "POST", Header: http.Header{}, Body: []byte(
		`{"KeyId":"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab","Plaintext":"` +
			base64.StdEncoding.EncodeToString(plain) + `","EncryptionContext":{"tenant":"a","purpose":"test"}}`)}
	out := &kms.EncryptOutput{
		KeyId:               aws.String("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
		CiphertextBlob:      append(plain, make([]byte, 150)...),
		EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault,
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Decode(wire.JSON11, op, req); err != nil {
			b.Fatal(err)
		}
		r, err := s.Encode(wire.JSON11, op, out, requestID)
		if err != nil {
			b.Fatal(err)
		}
		r.Free()
	}
}

// BenchmarkBindEC2 binds two operations of EC2's 765, with nothing cached.
func BenchmarkBindEC2(b *testing.B) {
	ops := clients()["ec2"]
	b.ReportAllocs()
	for b.Loop() {
		wire.Forget()
		for _, op := range ops {
			if op.Name == "DescribeRegions" || op.Name == "DescribeAvailabilityZones" {
				mustService(b, "ec2", []wire.Operation{op})
			}
		}
	}
}
