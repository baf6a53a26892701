package lambda

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxName is the longest name of a function.
const maxName = 64

// A reference is what a caller's FunctionName and Qualifier name.
type reference struct {
	account, name, qualifier string
}

// parse takes a name, a partial ARN or an ARN apart: name, account:function:name or
// arn:…:function:name, each with a qualifier behind it or without (Lambda API
// Reference, FunctionName).
func (s *Service) parse(ctx context.Context, given string, qualifier *string) (reference, error) {
	r := reference{account: wire.CallFrom(ctx).Account(), qualifier: aws.ToString(qualifier)}
	parts, err := s.skip(&r, strings.Split(given, ":"))
	if err != nil {
		return r, err
	}
	r.name = parts[0]
	if len(parts) > 1 {
		if r.qualifier != "" && r.qualifier != parts[1] {
			return r, invalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		r.qualifier = parts[1]
	}
	if len(parts) > 2 || r.name == "" || len(r.name) > maxName {
		return r, invalid("The function name %s is not valid.", given)
	}
	return r, nil
}

// skip passes over all that stands before the name.
func (s *Service) skip(r *reference, parts []string) ([]string, error) {
	if parts[0] == "arn" {
		if len(parts) < 7 || parts[2] != "lambda" || parts[5] != "function" {
			return nil, invalid("Invalid ARN %s.", strings.Join(parts, ":"))
		}
		if parts[3] != s.Region {
			return nil, notFound("Functions from '%s' are not reachable in this region ('%s')", parts[3], s.Region)
		}
		r.account = parts[4]
		return parts[6:], nil
	}
	if len(parts) > 1 && parts[0] == s.Region {
		parts = parts[1:]
	}
	if len(parts) > 1 && arn.IsAccount(parts[0]) {
		r.account, parts = parts[0], parts[1:]
	}
	if len(parts) > 1 && parts[0] == "function" {
		parts = parts[1:]
	}
	return parts, nil
}

// number is the version that a qualifier names outright, false if it is an alias.
func number(qualifier string) (int64, bool) {
	if qualifier == "" || qualifier == latest {
		return 0, true
	}
	n, err := strconv.ParseInt(qualifier, 10, 64)
	return n, err == nil && n > 0
}

func versionName(n int64) string {
	if n == 0 {
		return latest
	}
	return strconv.FormatInt(n, 10)
}
