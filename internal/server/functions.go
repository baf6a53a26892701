package server

import (
	"context"
	"net"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/runtime"
	logs "github.com/garrison-cloud/garrison/service/cloudwatchlogs"
	"github.com/garrison-cloud/garrison/service/lambda"
)

const (
	// lambdaPrincipal is whom execution roles trust.
	lambdaPrincipal = "lambda.amazonaws.com"
	// firstUID is the first user id of functions, far from any that a person has; each
	// Region has environmentsEach of them.
	firstUID         = 1879048192
	environmentsEach = 64
)

// functions builds Lambda and CloudWatch Logs for a Region.
func (s *services) functions(c *Config, region string, local *room) (*lambda.Service, *logs.Service) {
	uid := c.FunctionUID
	if uid == 0 {
		uid = firstUID
	}
	pool := runtime.New(runtime.Config{
		Clock: c.Clock, Max: environmentsEach, FirstUID: uid + environmentsEach*slices.Index(c.Regions, region), Logger: c.Logger,
	})
	functions := lambda.New(lambda.Config{
		DB: local.db, Clock: c.Clock, Region: region, Endpoint: within(c.endpoint), Pool: pool, Logger: c.Logger,
		KMS: inProcessKMS{s}, RoleKMS: asRole{s, region}, Roles: asRole{s, region}, Logs: asRole{s, region},
	})
	kept := logs.New(logs.Config{DB: local.db, Clock: c.Clock, Region: region, KMS: logsKMS{s, region}})
	s.workers = append(s.workers, functions, kept)
	return functions, kept
}

// within is the API's URL as this machine reaches it: a server that listens on all
// addresses is found on loopback.
func within(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	host, port, err := net.SplitHostPort(u.Host)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("127.0.0.1", port)
	}
	return u.String()
}

// asRole makes Lambda's calls of its own: to become an execution role, and then as
// that role.
type asRole struct {
	of     *services
	region string
}

func (a asRole) place() gateway.Place { return gateway.Place{Region: a.region, Via: lambdaPrincipal} }

// AssumeRole implements lambda.Roles.
func (a asRole) AssumeRole(ctx context.Context, function string, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	name, err := arn.Parse(function)
	if err != nil {
		return nil, err
	}
	return gateway.InvokeAs[sts.AssumeRoleOutput](ctx, a.of.gateway, gateway.ServiceCall{
		Principal: lambdaPrincipal, Account: name.AccountID, Region: a.region, SourceARN: function, SourceAccount: name.AccountID,
	}, in)
}

// DecryptWith implements lambda.RoleKeys.
func (a asRole) DecryptWith(ctx context.Context, with aws.Credentials, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	return gateway.InvokeWith[kms.DecryptOutput](ctx, a.of.gateway, with, a.place(), in)
}

// CreateLogGroup implements lambda.Logs.
func (a asRole) CreateLogGroup(ctx context.Context, with aws.Credentials, in *cloudwatchlogs.CreateLogGroupInput) error {
	_, err := a.of.gateway.InvokeWith(ctx, with, a.place(), in)
	return err
}

// CreateLogStream implements lambda.Logs.
func (a asRole) CreateLogStream(ctx context.Context, with aws.Credentials, in *cloudwatchlogs.CreateLogStreamInput) error {
	_, err := a.of.gateway.InvokeWith(ctx, with, a.place(), in)
	return err
}

// PutLogEvents implements lambda.Logs.
func (a asRole) PutLogEvents(ctx context.Context, with aws.Credentials, in *cloudwatchlogs.PutLogEventsInput) error {
	_, err := a.of.gateway.InvokeWith(ctx, with, a.place(), in)
	return err
}

// logsKMS is KMS for CloudWatch Logs itself, whose principal has the Region in it.
type logsKMS struct {
	of     *services
	region string
}

func (l logsKMS) as(of logs.Group) gateway.ServiceCall {
	return gateway.ServiceCall{
		Principal: "logs." + l.region + ".amazonaws.com", Account: of.Account, Region: l.region, SourceARN: of.ARN, SourceAccount: of.Account,
	}
}

// GenerateDataKey implements logs.Keys.
func (l logsKMS) GenerateDataKey(ctx context.Context, of logs.Group, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	return gateway.InvokeAs[kms.GenerateDataKeyOutput](ctx, l.of.gateway, l.as(of), in)
}

// Decrypt implements logs.Keys.
func (l logsKMS) Decrypt(ctx context.Context, of logs.Group, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	return gateway.InvokeAs[kms.DecryptOutput](ctx, l.of.gateway, l.as(of), in)
}

// CreateGrant implements lambda.Keys.
func (k inProcessKMS) CreateGrant(ctx context.Context, in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
	return gateway.Invoke[kms.CreateGrantOutput](ctx, k.of.gateway, in)
}

var (
	_ lambda.Keys     = inProcessKMS{}
	_ lambda.Roles    = asRole{}
	_ lambda.RoleKeys = asRole{}
	_ lambda.Logs     = asRole{}
	_ logs.Keys       = logsKMS{}
)
