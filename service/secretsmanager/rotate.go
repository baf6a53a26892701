package secretsmanager

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Functions is Lambda.
type Functions interface {
	// Invoke asks on behalf of the call that ctx belongs to.
	Invoke(ctx context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error)
	// InvokeFor asks as Secrets Manager itself, for a secret of that ARN: the
	// function's own policy has to let it.
	InvokeFor(ctx context.Context, secretARN string, in *lambda.InvokeInput) (*lambda.InvokeOutput, error)
}

// RotateSecret turns rotation on, changes how a secret is rotated, and starts a
// rotation or, where that is not wanted, a test of the function.
func (s *Service) RotateSecret(ctx context.Context, in *secretsmanager.RotateSecretInput) (*secretsmanager.RotateSecretOutput, error) {
	if len(in.ExternalSecretRotationMetadata) > 0 || in.ExternalSecretRotationRoleArn != nil {
		return nil, notImplemented("ExternalSecretRotationMetadata")
	}
	token, err := newVersionID(in.ClientRequestToken)
	if err != nil {
		return nil, err
	}
	row, err := retry(func() (*secret, error) { return s.rotate(ctx, in, token) })
	if err != nil {
		return nil, err
	}
	s.wakeRotations()
	return &secretsmanager.RotateSecretOutput{ARN: aws.String(row.arn()), Name: &row.Name, VersionId: &token}, nil
}

func (s *Service) rotate(ctx context.Context, in *secretsmanager.RotateSecretInput, token string) (*secret, error) {
	was, err := s.active(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	function, err := s.rotatable(ctx, was, in)
	if err != nil {
		return nil, err
	}
	if r := was.Rotation; r != nil && (r.Job != nil && r.Job.Token == token || was.Stages[current] == token) {
		return was, nil // the same request again
	}
	if err := was.free(); err != nil {
		return nil, err
	}
	j := &job{Token: token, Test: !aws.ToBool(orTrue(in.RotateImmediately)), Proof: uuid.NewString()}
	var trial *version
	if j.Test {
		if trial, err = s.trial(ctx, was, token); err != nil {
			return nil, err
		}
	}
	return s.edit(ctx, in.SecretId, func(tx *store.Tx, row *secret) error {
		if row.Suffix != was.Suffix || row.Stages[current] != was.Stages[current] {
			return errMoved
		}
		if err := row.free(); err != nil {
			return err
		}
		if err := row.turnOn(function, in.RotationRules, tx.Now()); err != nil {
			return err
		}
		return s.begin(tx, row, j, trial)
	})
}

func orTrue(given *bool) *bool {
	if given == nil {
		return aws.Bool(true)
	}
	return given
}

// free refuses a rotation where an earlier one is not complete.
func (s *secret) free() error {
	if id, ok := s.Stages[staged]; ok && id != s.Stages[current] {
		return invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.")
	}
	return nil
}

// rotatable is the function that is to rotate the secret, if there is one that
// both the caller and Secrets Manager may invoke.
func (s *Service) rotatable(ctx context.Context, row *secret, in *secretsmanager.RotateSecretInput) (string, error) {
	function := aws.ToString(in.RotationLambdaARN)
	switch {
	case row.replicated():
		return "", onReplica()
	case function == "" && row.Rotation != nil:
		function = row.Rotation.Function
	}
	if function == "" {
		return "", invalidRequest("No Lambda rotation function ARN is associated with this secret.")
	}
	if a, err := arn.Parse(function); err != nil || a.Service != "lambda" || a.Region != s.region {
		return "", invalidParameter("The RotationLambdaARN is not the ARN of a Lambda function in %s.", s.region)
	}
	if _, ok := row.Stages[current]; !ok {
		return "", invalidRequest("You can't rotate a secret that has no value.")
	}
	dry := &lambda.InvokeInput{FunctionName: &function, InvocationType: lambdatypes.InvocationTypeDryRun}
	if _, err := s.functions.Invoke(ctx, dry); err != nil {
		return "", ofLambda(err)
	}
	if _, err := s.functions.InvokeFor(ctx, row.arn(), dry); err != nil {
		return "", ofLambda(err)
	}
	return function, nil
}

// ofLambda is what AWS says where the function cannot be invoked.
func ofLambda(err error) error {
	_, denied := errors.AsType[*authz.Denied](err)
	api := smithy.APIError(nil)
	if !denied && (!errors.As(err, &api) || api.ErrorFault() == smithy.FaultServer) {
		return err
	}
	return &smithy.GenericAPIError{
		Code: "AccessDeniedException", Fault: smithy.FaultClient,
		Message: "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.",
	}
}

// CancelRotateSecret turns rotation off. A rotation under way ends where it is: its
// labels stay as they are.
func (s *Service) CancelRotateSecret(ctx context.Context, in *secretsmanager.CancelRotateSecretInput) (*secretsmanager.CancelRotateSecretOutput, error) {
	row, err := s.edit(ctx, in.SecretId, func(_ *store.Tx, row *secret) error {
		if r := row.Rotation; r != nil {
			r.Enabled, r.Job = false, nil
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.CancelRotateSecretOutput{ARN: aws.String(row.arn()), Name: &row.Name}
	if id, ok := row.Stages[staged]; ok {
		out.VersionId = &id
	}
	return out, nil
}

func (s *Service) onRotateSecret(ctx context.Context, in *secretsmanager.RotateSecretInput) (authz.Target, error) {
	c := conditions{}.set("rotationlambdaarn", aws.ToString(in.RotationLambdaARN)).
		set("externalsecretrotationrolearn", aws.ToString(in.ExternalSecretRotationRoleArn))
	modifies := in.RotationRules != nil
	return s.on(ctx, in.SecretId, c.flag("modifyrotationrules", &modifies).flag("rotateimmediately", orTrue(in.RotateImmediately)))
}

func (s *Service) onCancelRotateSecret(ctx context.Context, in *secretsmanager.CancelRotateSecretInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

// trial is a version with the value that the secret has, for a function to be
// tested on.
func (s *Service) trial(ctx context.Context, row *secret, token string) (*version, error) {
	v, err := s.opened(ctx, row, row.Stages[current])
	if err != nil {
		return nil, err
	}
	defer clear(v.Bytes)
	return s.seal(ctx, row, token, value{bytes: v.Bytes, binary: v.Binary})
}

// proven checks a RotationToken that was given with a version.
func (s *secret) proven(id, proof string) error {
	if r := s.Rotation; r == nil || r.Job == nil || r.Job.Token != id || !(value{bytes: []byte(proof)}).same(value{bytes: []byte(r.Job.Proof)}) {
		return invalidParameter("The RotationToken is not valid.")
	}
	return nil
}
