package lambda

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// margin is how long before their end credentials are no longer handed out.
const margin = 5 * time.Minute

// cannotAssume is AWS's answer where the role refuses Lambda.
const cannotAssume = "The role defined for the function cannot be assumed by Lambda."

// checkRole makes sure that the role is the account's, and trusts Lambda.
func (s *Service) checkRole(ctx context.Context, v *version) error {
	if parts := strings.Split(v.Role, ":"); len(parts) < 6 || parts[4] != v.Account {
		return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "Cross-account pass role is not allowed.", Fault: smithy.FaultClient}
	}
	_, _, err := s.assume(ctx, v)
	if errors.Is(err, errRole) {
		return invalid("%s", cannotAssume)
	}
	return err
}

// errRole tells that the role does not let Lambda in.
var errRole = &smithy.GenericAPIError{Code: "AccessDeniedException", Message: cannotAssume, Fault: smithy.FaultClient}

// assume gets credentials of the execution role, and the time until when they
// serve, in the clock of services.
func (s *Service) assume(ctx context.Context, v *version) (aws.Credentials, time.Time, error) {
	out, err := s.Roles.AssumeRole(ctx, s.functionARN(v.Account, v.Name), &sts.AssumeRoleInput{RoleArn: &v.Role, RoleSessionName: aws.String(sessionName(v.Name))})
	if _, denied := errors.AsType[*authz.Denied](err); denied {
		return aws.Credentials{}, time.Time{}, errRole
	}
	if err != nil {
		return aws.Credentials{}, time.Time{}, fmt.Errorf("assume %s: %w", v.Role, err)
	}
	c := out.Credentials
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken},
		c.Expiration.Add(-margin), nil
}

// sessionName is the function's, lengthened to what STS takes.
func sessionName(name string) string {
	if len(name) < 2 {
		return name + "_"
	}
	return name
}
