package server

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/service/secretsmanager"
)

// secretsPrincipal is whom rotation functions let in.
const secretsPrincipal = "secretsmanager.amazonaws.com"

// rotationFunctions is Lambda for Secrets Manager.
type rotationFunctions struct{ of *services }

// Invoke implements secretsmanager.Functions.
func (f rotationFunctions) Invoke(ctx context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	return gateway.Invoke[lambda.InvokeOutput](ctx, f.of.gateway, in)
}

// InvokeFor implements secretsmanager.Functions.
func (f rotationFunctions) InvokeFor(ctx context.Context, secretARN string, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	name, err := arn.Parse(secretARN)
	if err != nil {
		return nil, err
	}
	return gateway.InvokeAs[lambda.InvokeOutput](ctx, f.of.gateway, gateway.ServiceCall{
		Principal: secretsPrincipal, Account: name.AccountID, Region: name.Region, SourceARN: secretARN, SourceAccount: name.AccountID,
	}, in)
}

var _ secretsmanager.Functions = rotationFunctions{}
