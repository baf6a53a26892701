package acmpca

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"
	"github.com/aws/smithy-go"
)

func notFound(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// noAuthority is the answer to an ARN that leads nowhere.
func noAuthority(arn string) error { return notFound("Could not find Certificate Authority %s.", arn) }

func noCertificate() error { return notFound("Could not find the certificate.") }

func invalidARN(arn string) error {
	return &types.InvalidArnException{Message: aws.String("The ARN " + arn + " is not valid.")}
}

func invalidArgs(format string, args ...any) error {
	return &types.InvalidArgsException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidState(format string, args ...any) error {
	return &types.InvalidStateException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidRequest(message string) error { return &types.InvalidRequestException{Message: &message} }

func malformedCSR(message string) error { return &types.MalformedCSRException{Message: &message} }

func malformedCertificate(message string) error {
	return &types.MalformedCertificateException{Message: &message}
}

func mismatch(message string) error { return &types.CertificateMismatchException{Message: &message} }

func limitExceeded(message string) error { return &types.LimitExceededException{Message: &message} }

func invalidToken() error {
	return &types.InvalidNextTokenException{Message: aws.String("The token specified in the NextToken argument is not valid.")}
}

// invalid is the refusal of a value by a rule that the model does not state.
func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// notImplemented refuses what nothing here does.
func notImplemented(what string) error {
	return &smithy.GenericAPIError{Code: "NotImplemented", Message: what + " is not implemented here.", Fault: smithy.FaultClient}
}
