package s3

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// fail is an error whose status its code tells (S3 API Reference, "List of error codes").
func fail(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}

// refuse is an error with a status and with details of its own.
func refuse(status int, code, message string, details ...wire.Detail) *wire.Error {
	return &wire.Error{Status: status, Code: code, Message: message, Fault: smithy.FaultClient, Details: details}
}

// argument refuses the value of a header or a parameter.
func argument(name, value, message string) error {
	return refuse(http.StatusBadRequest, "InvalidArgument", message,
		wire.Detail{Name: "ArgumentName", Value: name}, wire.Detail{Name: "ArgumentValue", Value: value})
}

func denied() error { return refuse(http.StatusForbidden, "AccessDenied", "Access Denied") }

func noSuchKey(key string) *wire.Error {
	return refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.", wire.Detail{Name: "Key", Value: key})
}

func noSuchVersion(key, id string) error {
	return refuse(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.",
		wire.Detail{Name: "Key", Value: key}, wire.Detail{Name: "VersionId", Value: id})
}

func preconditionFailed(condition string) error {
	return refuse(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
		wire.Detail{Name: "Condition", Value: condition})
}

func missing() error {
	return &types.NoSuchBucket{Message: aws.String("The specified bucket does not exist")}
}
