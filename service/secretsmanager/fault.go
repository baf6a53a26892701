package secretsmanager

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
)

func notFound(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// missing is AWS's error for a SecretId that leads nowhere.
func missing() error { return notFound("Secrets Manager can't find the specified secret.") }

func invalidParameter(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidRequest(message string) error {
	return &types.InvalidRequestException{Message: &message}
}

func exists(format string, args ...any) error {
	return &types.ResourceExistsException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func limitExceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func malformedPolicy(message string) error {
	return &types.MalformedPolicyDocumentException{Message: &message}
}

// invalid is the refusal of a value by a rule that the model does not state.
func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// notImplemented refuses a parameter whose work nothing here does.
func notImplemented(parameter string) error {
	return &smithy.GenericAPIError{
		Code: "NotImplemented", Message: "The parameter " + parameter + " is not implemented here.", Fault: smithy.FaultClient,
	}
}

func markedForDeletion() error {
	return invalidRequest("You can't perform this operation on the secret because it was marked for deletion.")
}

// kmsDenied is what AWS says where the caller may not use the KMS key.
func kmsDenied() error {
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "Access to KMS is not allowed", Fault: smithy.FaultClient}
}

func encryptionFailure() error {
	return &types.EncryptionFailure{Message: aws.String("Secrets Manager can't encrypt the protected secret text using the provided KMS key. " +
		"Check that the KMS key is available, enabled, and not in an invalid state.")}
}

func decryptionFailure() error {
	return &types.DecryptionFailure{Message: aws.String("Secrets Manager can't decrypt the protected secret text using the provided KMS key.")}
}

// ofKMS turns a refusal by KMS into Secrets Manager's: a denial into its own, any
// other into failed. What is no refusal stays what it is.
func ofKMS(err error, failed func() error) error {
	if _, denied := errors.AsType[*authz.Denied](err); denied {
		return kmsDenied()
	}
	var api smithy.APIError
	switch {
	case !errors.As(err, &api) || api.ErrorFault() == smithy.FaultServer:
		return fmt.Errorf("ask KMS: %w", err)
	case api.ErrorCode() == "AccessDeniedException":
		return kmsDenied()
	default:
		return failed()
	}
}
