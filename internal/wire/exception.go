package wire

import (
	"net/http"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// exceptionsByCode finds exceptions whose code is not their shape's name, as in
// the query protocols: NoSuchEntityException is NoSuchEntity.
func exceptionsByCode(t *model.Table) map[string]*model.Shape {
	out := map[string]*model.Shape{}
	for s := range t.Shapes() {
		if s.Exception && s.Code != "" {
			out[s.Code] = s
		}
	}
	return out
}

// statusS3 is the HTTP status of an S3 error that the model lacks (S3 API
// Reference, "List of error codes").
func statusS3(code string) int {
	switch code {
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidObjectState", "InvalidPayer", "NotSignedUp",
		"SignatureDoesNotMatch", "InvalidAccessKeyId", "RequestTimeTooSkewed", "InvalidSecurity", "CrossLocationLoggingProhibited":
		return http.StatusForbidden
	case "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "InvalidBucketState", "OperationAborted",
		"RestoreAlreadyInProgress", "ConditionalRequestConflict":
		return http.StatusConflict
	case "PermanentRedirect":
		return http.StatusMovedPermanently
	case "TemporaryRedirect", "Redirect":
		return http.StatusTemporaryRedirect
	case "MethodNotAllowed":
		return http.StatusMethodNotAllowed
	case "MissingContentLength":
		return http.StatusLengthRequired
	case "NotModified":
		return http.StatusNotModified
	case "PreconditionFailed":
		return http.StatusPreconditionFailed
	case "InvalidRange":
		return http.StatusRequestedRangeNotSatisfiable
	case "InternalError":
		return http.StatusInternalServerError
	case "NotImplemented":
		return http.StatusNotImplemented
	case "SlowDown", "ServiceUnavailable", "Busy":
		return http.StatusServiceUnavailable
	}
	if strings.HasPrefix(code, "NoSuch") || strings.HasSuffix(code, "NotFound") || strings.HasSuffix(code, "NotFoundError") {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// rootS3 is the root element of an S3 answer whose members are the whole body:
// the model does not name it (S3 API Reference, "Response Syntax" of each).
func rootS3(op, shape string) string {
	switch op {
	case "ListBuckets":
		return "ListAllMyBucketsResult"
	case "ListDirectoryBuckets":
		return "ListAllMyDirectoryBucketsResult"
	case "ListObjects", "ListObjectsV2":
		return "ListBucketResult"
	case "ListObjectVersions":
		return "ListVersionsResult"
	case "CreateMultipartUpload":
		return "InitiateMultipartUploadResult"
	case "DeleteObjects":
		return "DeleteResult"
	case "GetBucketAcl", "GetObjectAcl":
		return "AccessControlPolicy"
	case "GetBucketCors":
		return "CORSConfiguration"
	case "GetBucketTagging", "GetObjectTagging":
		return "Tagging"
	case "GetBucketLogging":
		return "BucketLoggingStatus"
	case "GetBucketRequestPayment":
		return "RequestPaymentConfiguration"
	case "GetBucketVersioning", "GetBucketWebsite", "GetBucketAccelerateConfiguration":
		return strings.TrimPrefix(strings.TrimSuffix(op, "Configuration"), "GetBucket") + "Configuration"
	case "GetBucketLifecycleConfiguration":
		return "LifecycleConfiguration"
	case "ListMultipartUploads", "ListParts", "CompleteMultipartUpload", "CreateSession":
		return op + "Result"
	default:
		return shape
	}
}
