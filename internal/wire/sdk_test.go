package wire_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/wire"
)

func mustService(t testing.TB, name string, ops []wire.Operation, unions ...wire.UnionType) *wire.Service {
	t.Helper()
	s, err := wire.NewService(name, ops, unions...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKMS(t *testing.T) {
	t.Parallel()
	s := mustService(t, "kms", []wire.Operation{
		operation[kms.EncryptInput, kms.EncryptOutput]("Encrypt"),
		operation[kms.DescribeKeyInput, kms.DescribeKeyOutput]("DescribeKey"),
	})
	cfg := start(t, s, func(_ *wire.Operation, in any) (any, error) {
		switch in := in.(type) {
		case *kms.EncryptInput:
			return &kms.EncryptOutput{CiphertextBlob: append([]byte("sealed:"), in.Plaintext...), KeyId: in.KeyId}, nil
		default:
			return nil, &types.NotFoundException{Message: aws.String("Key 'x' does not exist")}
		}
	})
	c := kms.NewFromConfig(cfg)
	out, err := c.Encrypt(context.Background(), &kms.EncryptInput{KeyId: aws.String("k"), Plaintext: []byte("hello")})
	if err != nil || !bytes.Equal(out.CiphertextBlob, []byte("sealed:hello")) || aws.ToString(out.KeyId) != "k" {
		t.Errorf("Encrypt = %+v, %v", out, err)
	}
	_, err = c.DescribeKey(context.Background(), &kms.DescribeKeyInput{KeyId: aws.String("x")})
	var missing *types.NotFoundException
	if !errors.As(err, &missing) || missing.ErrorMessage() != "Key 'x' does not exist" {
		t.Errorf("DescribeKey's error = %v, want a NotFoundException", err)
	}
}

func TestSTS(t *testing.T) {
	t.Parallel()
	s := mustService(t, "sts", operationsOf[sts.Client]())
	cfg := start(t, s, func(op *wire.Operation, in any) (any, error) {
		return &sts.GetCallerIdentityOutput{Account: aws.String("111122223333"), Arn: aws.String("arn:aws:iam::111122223333:root")}, nil
	})
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(context.Background(), nil)
	if err != nil || aws.ToString(out.Account) != "111122223333" {
		t.Errorf("GetCallerIdentity = %+v, %v", out, err)
	}
}
