package sigv4

import (
	"net/http"
	"strings"
)

// A dialect is how a family of services words an error of authentication.
type dialect uint8

const (
	jsonRPC  dialect = iota // awsJson and rpcv2Cbor
	restJSON                // restJson
	query                   // awsQuery, and restXml but for S3
	ec2
	s3
	dialects
)

// dialectOf chooses by the service of the credential scope, and among a
// service's protocols by the headers that only JSON and CBOR have.
func dialectOf(r *http.Request, service string) dialect {
	switch service {
	case "s3", "s3express", "s3-outposts", "s3-object-lambda":
		return s3
	case "ec2":
		return ec2
	}
	if r.Header["X-Amz-Target"] != nil || r.Header["Smithy-Protocol"] != nil {
		return jsonRPC
	}
	switch service {
	case "autoscaling", "cloudformation", "cloudfront", "cloudsearch", "elasticache", "elasticbeanstalk",
		"elasticloadbalancing", "iam", "importexport", "monitoring", "rds", "redshift", "route53", "sdb", "ses", "sns", "sqs", "sts":
		return query
	case "":
		return guess(r)
	}
	return restJSON
}

// guess is for a request that names no service: the query protocol has a form
// or an Action, and S3 alone serves the anonymous.
func guess(r *http.Request) dialect {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(media) == "application/x-www-form-urlencoded" || hasParameter(r.URL.RawQuery, "Action") {
		return query
	}
	return s3
}

// A fault is what can be wrong with a signature.
type fault uint8

const (
	faultMissing fault = iota
	faultIncomplete
	faultMismatch
	faultScope
	faultTwice
	faultSkewed
	faultUnknownKey
	faultExpiredToken
	faultWrongToken
	faultQuery
)

// An answer is a code and an HTTP status.
type answer struct {
	code   string
	status int
}

// answers returns a fault's code and status in each dialect (IAM API Reference,
// "Common Errors"; EC2 API Reference, "Error codes"; S3 API Reference, "Error
// Responses"). EC2 tells a client nothing of what is wrong.
func answers(f fault) [dialects]answer {
	switch f {
	case faultMissing:
		return spread("MissingAuthenticationToken", 403, answer{"AuthFailure", 401}, answer{"AccessDenied", 403})
	case faultIncomplete:
		return spread("IncompleteSignature", 400, answer{"AuthFailure", 401}, answer{"AuthorizationHeaderMalformed", 400})
	case faultScope:
		return signature(answer{"AuthFailure", 401}, answer{"AuthorizationHeaderMalformed", 400})
	case faultTwice:
		return signature(answer{"AuthFailure", 401}, answer{"InvalidArgument", 400})
	case faultSkewed:
		return signature(answer{"RequestExpired", 400}, answer{"RequestTimeTooSkewed", 403})
	case faultUnknownKey:
		return token(answer{"InvalidAccessKeyId", 403})
	case faultWrongToken:
		return token(answer{"InvalidToken", 400})
	case faultExpiredToken:
		return spread("ExpiredToken", 403, answer{"RequestExpired", 400}, answer{"ExpiredToken", 400})
	case faultQuery:
		a := answer{"MalformedQueryString", 400}
		return [dialects]answer{a, a, a, a, {"InvalidURI", 400}}
	default:
		return signature(answer{"AuthFailure", 401}, answer{"SignatureDoesNotMatch", 403})
	}
}

// spread gives a code the suffix that it has in JSON.
func spread(code string, status int, inEC2, inS3 answer) [dialects]answer {
	return [dialects]answer{{code + "Exception", 400}, {code + "Exception", 403}, {code, status}, inEC2, inS3}
}

func signature(inEC2, inS3 answer) [dialects]answer {
	const code = "InvalidSignatureException"
	return [dialects]answer{{code, 400}, {code, 403}, {"SignatureDoesNotMatch", 403}, inEC2, inS3}
}

func token(inS3 answer) [dialects]answer {
	const code = "UnrecognizedClientException"
	return [dialects]answer{{code, 400}, {code, 403}, {"InvalidClientTokenId", 403}, {"AuthFailure", 401}, inS3}
}
