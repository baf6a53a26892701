package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Aims of reads: those of sealed values also ask KMS, as the caller, each time.
const (
	atLeastSealed = 0.4
	atLeastPage   = 0.3
	pathPage      = 10
)

// stored are reads of what is kept for others: secrets and parameters.
func stored() []operation {
	return []operation{
		read("get-secret-value", "secretsmanager", "secretsmanager.GetSecretValue", atLeastSealed, secretToRead),
		read("get-parameter", "ssm", "AmazonSSM.GetParameter", atLeast, parameterToRead(types.ParameterTypeString)),
		read("get-parameter-secure", "ssm", "AmazonSSM.GetParameter", atLeastSealed, parameterToRead(types.ParameterTypeSecureString)),
		read("get-parameters-by-path", "ssm", "AmazonSSM.GetParametersByPath", atLeastPage, pageToRead),
	}
}

// read is an operation of a JSON service that answers what was stored before,
// compared with the answer alone.
func read(name, service, target string, aim float64, prepare func(context.Context, *subject) (any, error)) operation {
	return operation{
		name: name, service: service, bare: "answer", aim: aim, members: prepare,
		header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}},
	}
}

// value is what is stored: of the length of a connection string.
var value = strings.Repeat("postgres://", 10)

func secretToRead(ctx context.Context, s *subject) (any, error) {
	o := s.kms.Options()
	c := secretsmanager.New(secretsmanager.Options{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials, HTTPClient: o.HTTPClient})
	out, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("bench/secret"), SecretString: &value})
	if err != nil {
		return nil, fmt.Errorf("create a secret: %w", err)
	}
	return members{"SecretId": out.ARN}, nil
}

func (s *subject) ssm() *ssm.Client {
	o := s.kms.Options()
	return ssm.New(ssm.Options{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials, HTTPClient: o.HTTPClient})
}

func parameterToRead(kind types.ParameterType) func(context.Context, *subject) (any, error) {
	return func(ctx context.Context, s *subject) (any, error) {
		name := "/bench/" + string(kind)
		if _, err := s.ssm().PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind}); err != nil {
			return nil, fmt.Errorf("put %s: %w", name, err)
		}
		return members{"Name": name, "WithDecryption": kind == types.ParameterTypeSecureString}, nil
	}
}

func pageToRead(ctx context.Context, s *subject) (any, error) {
	for i := range 3 * pathPage {
		name := fmt.Sprintf("/bench-page/%02d", i)
		if _, err := s.ssm().PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}); err != nil {
			return nil, fmt.Errorf("put %s: %w", name, err)
		}
	}
	return members{"Path": "/bench-page", "MaxResults": pathPage}, nil
}
