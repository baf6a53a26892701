package lambda

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
)

func invalid(format string, args ...any) error {
	return &types.InvalidParameterValueException{Type: aws.String("User"), Message: aws.String(fmt.Sprintf(format, args...))}
}

func notFound(format string, args ...any) error {
	return &types.ResourceNotFoundException{Type: aws.String("User"), Message: aws.String(fmt.Sprintf(format, args...))}
}

func conflict(format string, args ...any) error {
	return &types.ResourceConflictException{Type: aws.String("User"), Message: aws.String(fmt.Sprintf(format, args...))}
}

func noFunction(functionARN string) error { return notFound("Function not found: %s", functionARN) }

// stale is the refusal of a change to another revision than the caller has seen.
func stale() error {
	return &types.PreconditionFailedException{Type: aws.String("User"), Message: aws.String(
		"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")}
}

func throttled(why types.ThrottleReason) error {
	return &types.TooManyRequestsException{Type: aws.String("User"), Reason: why, Message: aws.String("Rate Exceeded.")}
}

func notImplemented(what string) error {
	return &smithy.GenericAPIError{Code: "NotImplemented", Message: what + " is not implemented here.", Fault: smithy.FaultClient}
}

// refused tells that another service has answered no, and gives its code and words.
func refused(err error) (code, message string, ok bool) {
	if d, denied := errors.AsType[*authz.Denied](err); denied {
		return "AccessDeniedException", d.Error(), true
	}
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorFault() != smithy.FaultServer {
		return api.ErrorCode(), api.ErrorMessage(), true
	}
	return "", "", false
}

// ofKMS turns KMS's refusal to open an environment into Lambda's own exception
// (Lambda API Reference, Invoke, Errors).
func ofKMS(err error) error {
	code, message, ok := refused(err)
	if !ok {
		return fmt.Errorf("ask KMS: %w", err)
	}
	const open = "Lambda was unable to decrypt the environment variables because "
	detail := " Please check the function's KMS key settings. KMS Exception: " + code + " KMS Message: " + message
	switch code {
	case "DisabledException":
		return &types.KMSDisabledException{Type: aws.String("User"), Message: aws.String(open + "the KMS key used is disabled." + detail)}
	case "KMSInvalidStateException":
		return &types.KMSInvalidStateException{Type: aws.String("User"), Message: aws.String(open + "the state of the KMS key used is not valid for Decrypt." + detail)}
	case "NotFoundException":
		return &types.KMSNotFoundException{Type: aws.String("User"), Message: aws.String(open + "the KMS key was not found." + detail)}
	default:
		return &types.KMSAccessDeniedException{Type: aws.String("User"), Message: aws.String(open + "KMS access was denied." + detail)}
	}
}
