package sqs

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// errMoved tells that a partition is gone: its queue was deleted or purged since the
// call looked.
var errMoved = errors.New("the queue's messages are elsewhere")

// fault is an error that SQS's model does not name (SQS API Reference, "Common Errors").
func fault(code, format string, args ...any) error { //nolint:goprintffuncname // it is no printer
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func missing() error {
	return &types.QueueDoesNotExist{Message: aws.String("The specified queue does not exist.")}
}

// invalid is what SQS says of a parameter outside its bounds.
func invalid(parameter, value, reason string) error {
	return fault("InvalidParameterValue", "Value %s for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

func absent(parameter string) error {
	return fault("MissingParameter", "The request must contain the parameter %s.", parameter)
}

func invalidAttribute(name string) error {
	return &types.InvalidAttributeValue{Message: aws.String("Invalid value for the parameter " + name + ".")}
}

func unknownAttribute(name string) error {
	return &types.InvalidAttributeName{Message: aws.String("Unknown Attribute " + name + ".")}
}

func invalidReceipt(handle string) error {
	return &types.ReceiptHandleIsInvalid{Message: aws.String(fmt.Sprintf("The input receipt handle \"%s\" is not a valid receipt handle.", handle))}
}

// ofKMS turns KMS's refusal into SQS's (SQS API Reference, SendMessage, "Errors").
func ofKMS(err error) error {
	if denied, ok := errors.AsType[*authz.Denied](err); ok {
		return &types.KmsAccessDenied{Message: aws.String(denied.Error())}
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	message := aws.String(api.ErrorMessage())
	switch api.ErrorCode() {
	case "AccessDeniedException", "AccessDenied":
		return &types.KmsAccessDenied{Message: message}
	case "DisabledException":
		return &types.KmsDisabled{Message: message}
	case "InvalidKeyUsageException":
		return &types.KmsInvalidKeyUsage{Message: message}
	case "KMSInvalidStateException":
		return &types.KmsInvalidState{Message: message}
	case "NotFoundException":
		return &types.KmsNotFound{Message: message}
	case "ThrottlingException":
		return &types.KmsThrottled{Message: message}
	default:
		return err
	}
}
