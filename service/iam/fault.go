package iam

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
)

// The API's errors. Their words are AWS's.

func noEntity(noun, name string) error {
	return noSuch("The " + noun + " with name " + name + " cannot be found.")
}

func noSuch(message string) error { return &types.NoSuchEntityException{Message: &message} }

func exists(message string) error { return &types.EntityAlreadyExistsException{Message: &message} }

func conflict(message string) error { return &types.DeleteConflictException{Message: &message} }

func over(quota string, limit int) error {
	return limited(fmt.Sprintf("Cannot exceed quota for %s: %d", quota, limit))
}

func limited(message string) error { return &types.LimitExceededException{Message: &message} }

func malformed(message string) error {
	return &types.MalformedPolicyDocumentException{Message: &message}
}

func invalid(message string) error { return &types.InvalidInputException{Message: &message} }

func unfit(message string) error {
	return &smithy.GenericAPIError{Code: "ValidationError", Message: message}
}
