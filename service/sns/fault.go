package sns

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
)

func invalid(message string) error {
	return &types.InvalidParameterException{Message: aws.String("Invalid parameter: " + message)}
}

func missingTopic() error {
	return &types.NotFoundException{Message: aws.String("Topic does not exist")}
}

func missingSubscription() error {
	return &types.NotFoundException{Message: aws.String("Subscription does not exist")}
}

// ofKMS turns KMS's refusal into SNS's (SNS API Reference, Publish, "Errors").
func ofKMS(err error) error {
	if denied, ok := errors.AsType[*authz.Denied](err); ok {
		return &types.KMSAccessDeniedException{Message: aws.String(denied.Error())}
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	message := aws.String(api.ErrorMessage())
	switch api.ErrorCode() {
	case "AccessDeniedException", "AccessDenied":
		return &types.KMSAccessDeniedException{Message: message}
	case "DisabledException":
		return &types.KMSDisabledException{Message: message}
	case "KMSInvalidStateException":
		return &types.KMSInvalidStateException{Message: message}
	case "NotFoundException":
		return &types.KMSNotFoundException{Message: message}
	case "ThrottlingException":
		return &types.KMSThrottlingException{Message: message}
	default:
		return err
	}
}
