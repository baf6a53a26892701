package server

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/service/ssm"
)

// inProcessSecrets is Secrets Manager for services that read secrets on behalf of
// their callers.
type inProcessSecrets struct{ of *services }

// GetSecretValue implements ssm.Secrets.
func (i inProcessSecrets) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	return gateway.Invoke[secretsmanager.GetSecretValueOutput](ctx, i.of.gateway, in)
}

var (
	_ ssm.Keys    = inProcessKMS{}
	_ ssm.Secrets = inProcessSecrets{}
)
