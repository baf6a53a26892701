package server

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/service/secretsmanager"
)

// inProcessKMS is KMS for services that call it on behalf of their callers. The
// gateway exists only once the services do, so it is asked for at each call.
type inProcessKMS struct{ of *services }

// GenerateDataKey implements secretsmanager.Keys.
func (k inProcessKMS) GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	return gateway.Invoke[kms.GenerateDataKeyOutput](ctx, k.of.gateway, in)
}

// Encrypt implements secretsmanager.Keys.
func (k inProcessKMS) Encrypt(ctx context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	return gateway.Invoke[kms.EncryptOutput](ctx, k.of.gateway, in)
}

// Decrypt implements secretsmanager.Keys.
func (k inProcessKMS) Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	return gateway.Invoke[kms.DecryptOutput](ctx, k.of.gateway, in)
}

var _ secretsmanager.Keys = inProcessKMS{}
