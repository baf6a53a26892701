package ssm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/uuid"
)

// secretPrefix begins the names of parameters that are secrets of Secrets Manager
// (Systems Manager User Guide, "Referencing AWS Secrets Manager secrets from
// Parameter Store parameters").
const secretPrefix = "/aws/reference/secretsmanager/"

// secret reads a secret as the caller.
func (s *Service) secret(ctx context.Context, r *reference, id string, decrypt *bool) (*types.Parameter, error) {
	if !aws.ToBool(decrypt) {
		return nil, invalid("WithDecryption flag must be True for retrieving a Secret Manager secret.")
	}
	if s.secrets == nil || id == "" {
		return nil, missing()
	}
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if r.selector != "" {
		wanted := r.selector[1:]
		if uuid.Validate(wanted) == nil {
			in.VersionId = &wanted
		} else {
			in.VersionStage = &wanted
		}
	}
	out, err := s.secrets.GetSecretValue(ctx, in)
	if err != nil {
		return nil, ofSecrets(err, r.given)
	}
	source, err := rawSecret(out)
	if err != nil {
		return nil, err
	}
	return &types.Parameter{
		Name: aws.String(secretPrefix + id), ARN: out.ARN, Type: types.ParameterTypeSecureString, Value: out.SecretString, Version: 0,
		Selector: text(r.selector), SourceResult: &source, LastModifiedDate: out.CreatedDate, DataType: aws.String(textType),
	}, nil
}

// ofSecrets makes a missing secret a missing parameter. Other refusals stay what
// they are.
func ofSecrets(err error, given string) error {
	if _, is := errors.AsType[*secrettypes.ResourceNotFoundException](err); is {
		return &types.ParameterNotFound{Message: aws.String(fmt.Sprintf(
			"An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret %s not found.", strings.TrimSpace(given)))}
	}
	return err
}

// rawSecret is Secrets Manager's answer, as a SourceResult shows it.
func rawSecret(out *secretsmanager.GetSecretValueOutput) (string, error) {
	raw := struct {
		ARN           *string
		CreatedDate   float64
		Name          *string
		SecretBinary  []byte  `json:",omitempty"`
		SecretString  *string `json:",omitempty"`
		VersionID     *string `json:"VersionId"`
		VersionStages []string
	}{
		ARN: out.ARN, CreatedDate: seconds(aws.ToTime(out.CreatedDate)), Name: out.Name,
		SecretBinary: out.SecretBinary, SecretString: out.SecretString, VersionID: out.VersionId, VersionStages: out.VersionStages,
	}
	b, err := json.Marshal(&raw)
	if err != nil {
		return "", fmt.Errorf("write the source of %s: %w", aws.ToString(out.ARN), err)
	}
	return string(b), nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
