package ssm

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// invalid is the refusal of a value by a rule that the model does not state.
func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func denied(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// missing is the error for a name that leads nowhere. AWS gives no message.
func missing() error { return &types.ParameterNotFound{} }

func noVersion(selector, name string) error {
	return &types.ParameterVersionNotFound{
		Message: aws.String(fmt.Sprintf("Systems Manager could not find version %s of %s. Verify the version and try again.", selector, name)),
	}
}

func tooManyUpdates() error { return &types.TooManyUpdates{} }

func badPolicyType(format string, args ...any) error {
	return &types.InvalidPolicyTypeException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func badPolicyAttribute(format string, args ...any) error {
	return &types.InvalidPolicyAttributeException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// badFilterKey has a message, although the model's exception has no member for one.
func badFilterKey(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "InvalidFilterKey", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func badFilterOption(format string, args ...any) error {
	return &types.InvalidFilterOption{Message: aws.String(fmt.Sprintf(format, args...))}
}

func badFilterValue(format string, args ...any) error {
	return &types.InvalidFilterValue{Message: aws.String(fmt.Sprintf(format, args...))}
}

func badToken() error {
	return &types.InvalidNextToken{Message: aws.String("The specified token is not valid.")}
}

// ofKMS turns a refusal by KMS into Parameter Store's: a denial stays one, in
// KMS's words, and any other is the key's fault. What is no refusal stays what it is.
func ofKMS(err error) error {
	if _, is := errors.AsType[*authz.Denied](err); is {
		return err
	}
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorFault() == smithy.FaultServer {
		return fmt.Errorf("ask KMS: %w", err)
	}
	message := fmt.Sprintf("%s (Service: AWSKMS; Status Code: 400; Error Code: %s)", api.ErrorMessage(), api.ErrorCode())
	if api.ErrorCode() == "AccessDeniedException" {
		return denied("%s", message)
	}
	return &types.InvalidKeyId{Message: &message}
}
