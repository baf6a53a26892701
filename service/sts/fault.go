package sts

import (
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
)

// The API's errors. Their words are AWS's.

func denied(message string) error { return fail("AccessDenied", message) }

func unfit(message string) error { return fail("ValidationError", message) }

func unfitTags(message string) error { return fail("InvalidParameterValue", message) }

func malformed(message string) error {
	return &types.MalformedPolicyDocumentException{Message: &message}
}

func tooLarge(message string) error { return &types.PackedPolicyTooLargeException{Message: &message} }

func unreadable() error {
	message := "Message is not valid"
	return &types.InvalidAuthorizationMessageException{Message: &message}
}

func fail(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}
