package kms

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/engine/seal"
)

func notFound(format string, args ...any) error {
	return &types.NotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

func invalidState(format string, args ...any) error {
	return &types.KMSInvalidStateException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidUsage(format string, args ...any) error {
	return &types.InvalidKeyUsageException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// incompatible is the refusal of an algorithm that keys of the spec do not have.
func incompatible[A ~string](algorithm A, spec seal.Spec) error {
	return invalidUsage("Algorithm %s is incompatible with key spec %s.", algorithm, spec)
}

func unsupported(format string, args ...any) error {
	return &types.UnsupportedOperationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func limitExceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// ended turns what material says that was erased under a call's hands into what
// the next call will be told.
func (k *key) ended(err error) error {
	if errors.Is(err, seal.ErrErased) {
		return notFound("Key '%s' does not exist", k.arn())
	}
	return err
}

// refused is the denial of what no policy was asked about.
func refused(message string) error {
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: message, Fault: smithy.FaultClient}
}

// checkDryRun ends a call that only asked whether it would have succeeded.
func checkDryRun(dryRun *bool) error {
	if aws.ToBool(dryRun) {
		return &types.DryRunOperationException{Message: aws.String("The request would have succeeded, but the DryRun option is set.")}
	}
	return nil
}

// checkRecipient refuses attestation documents: there are no Nitro enclaves here
// whose word could be taken.
func checkRecipient(r *types.RecipientInfo) error {
	if r != nil {
		return unsupported("The Recipient parameter needs an attested enclave, and there is none here.")
	}
	return nil
}
