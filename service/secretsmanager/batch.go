package secretsmanager

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const maxBatch = 20

// BatchGetSecretValue reads the secrets that are listed, or that pass the filters.
// One that cannot be read is told in Errors and does not keep the others back.
func (s *Service) BatchGetSecretValue(ctx context.Context, in *secretsmanager.BatchGetSecretValueInput) (*secretsmanager.BatchGetSecretValueOutput, error) {
	out := &secretsmanager.BatchGetSecretValueOutput{SecretValues: []types.SecretValueEntry{}, Errors: []types.APIErrorType{}}
	ids := in.SecretIdList
	switch {
	case (len(ids) == 0) == (len(in.Filters) == 0):
		return nil, invalidParameter("You must include Filters or SecretIdList, but not both.")
	case len(ids) > 0 && (in.MaxResults != nil || in.NextToken != nil):
		return nil, invalidParameter("To use MaxResults or NextToken, you must also use Filters.")
	case len(ids) == 0:
		var err error
		if ids, out.NextToken, err = s.filtered(ctx, in); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if err := s.readOne(ctx, id, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) filtered(ctx context.Context, in *secretsmanager.BatchGetSecretValueInput) (ids []string, next *string, err error) {
	q := &query{
		account: wire.CallFrom(ctx).Account(), index: "created", filters: in.Filters, limit: maxBatch,
		token: in.NextToken, tokenFor: "secretsmanager.BatchGetSecretValue",
	}
	if in.MaxResults != nil {
		q.limit = int(*in.MaxResults)
	}
	rows, next, err := s.page(ctx, q)
	for _, row := range rows {
		ids = append(ids, row.arn())
	}
	return ids, next, err
}

// readOne reads a secret as GetSecretValue would, if the caller may do that. What
// is no answer to the caller ends the whole call.
func (s *Service) readOne(ctx context.Context, id string, out *secretsmanager.BatchGetSecretValueOutput) error {
	v, err := s.readAllowed(ctx, id)
	if err == nil {
		out.SecretValues = append(out.SecretValues, types.SecretValueEntry{
			ARN: v.ARN, Name: v.Name, VersionId: v.VersionId, VersionStages: v.VersionStages,
			SecretString: v.SecretString, SecretBinary: v.SecretBinary, CreatedDate: v.CreatedDate,
		})
		return nil
	}
	code, message := "", ""
	if denied, ok := errors.AsType[*authz.Denied](err); ok {
		code, message = "AccessDeniedException", denied.Error()
	} else if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorFault() != smithy.FaultServer {
		code, message = api.ErrorCode(), api.ErrorMessage()
	} else {
		return err
	}
	out.Errors = append(out.Errors, types.APIErrorType{SecretId: &id, ErrorCode: &code, Message: &message})
	return nil
}

func (s *Service) readAllowed(ctx context.Context, id string) (*secretsmanager.GetSecretValueOutput, error) {
	const action = "GetSecretValue"
	call := wire.CallFrom(ctx)
	t, row, err := s.targetOf(ctx, asking{id, action, reading(nil, nil)})
	if err != nil {
		return nil, err
	}
	t.Action = "secretsmanager:" + action
	if err := call.Check(ctx, t); err != nil {
		return nil, err
	}
	if row == nil {
		return nil, missing() // where nobody is authorized at all
	}
	call.Pin(id, row.Suffix)
	call.Made = append(call.Made, wire.Resource{ARN: row.arn(), Type: secretType}) // so that the event names what was read
	return s.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
}
