// Package lambda serves the Lambda API of one Region, and runs functions for real:
// as processes of this machine, by package internal/runtime. Environment variables
// lie sealed by KMS, code sealed in the store, and a function acts by its role's
// credentials only. It refuses whom policies refuse, roles that do not trust
// Lambda, and whatever of the API nothing here obeys, such as images and layers.
//
//	Invoke → version → role's credentials, KMS → runtime.Pool → answer; Event → row → Run → the same
package lambda

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/runtime"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Keys is KMS, asked on behalf of the call that ctx belongs to.
type Keys interface {
	Encrypt(ctx context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error)
	CreateGrant(ctx context.Context, in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error)
}

// Roles gives credentials of execution roles, to Lambda itself, for the function of
// that ARN.
type Roles interface {
	AssumeRole(ctx context.Context, function string, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error)
}

// A RoleKeys is KMS, asked with the credentials of an execution role.
type RoleKeys interface {
	DecryptWith(ctx context.Context, with aws.Credentials, in *kms.DecryptInput) (*kms.DecryptOutput, error)
}

// Logs is CloudWatch Logs, called with the credentials of an execution role.
type Logs interface {
	CreateLogGroup(ctx context.Context, with aws.Credentials, in *cloudwatchlogs.CreateLogGroupInput) error
	CreateLogStream(ctx context.Context, with aws.Credentials, in *cloudwatchlogs.CreateLogStreamInput) error
	PutLogEvents(ctx context.Context, with aws.Credentials, in *cloudwatchlogs.PutLogEventsInput) error
}

// Config is what a Service is made of.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
	// Endpoint is where functions reach this server's API.
	Endpoint string
	KMS      Keys
	RoleKMS  RoleKeys
	Roles    Roles
	Logs     Logs
	// Pool runs the functions; the service runs it.
	Pool   *runtime.Pool
	Logger *slog.Logger
}

// Service implements the Lambda API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	Config
	// worker starts queued events at their times; in events they are under way.
	worker *jobs.Worker
	events errgroup.Group
	// shipping are the logs that are under way; Run waits for them.
	shipping sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	working map[string]int
	taken   map[string]bool // events that are being worked on, by id
}

// New returns a Service that keeps its functions in c.DB.
func New(c Config) *Service {
	s := &Service{Config: c, working: map[string]int{}, taken: map[string]bool{}}
	s.worker = jobs.New(c.Clock, s.workDue, s.sweep)
	return s
}

// newID returns a random UUID.
func newID() string { return uuid.Must(uuid.NewRandomFromReader(rand.Reader)).String() }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateFunction, s.CreateFunction),
		wire.Op(s.onGetFunction, s.GetFunction),
		wire.Op(s.onGetFunctionConfiguration, s.GetFunctionConfiguration),
		wire.Op(s.onListFunctions, s.ListFunctions),
		wire.Op(s.onDeleteFunction, s.DeleteFunction),
		wire.Op(s.onUpdateFunctionCode, s.UpdateFunctionCode),
		wire.Op(s.onUpdateFunctionConfiguration, s.UpdateFunctionConfiguration),

		wire.Op(s.onPublishVersion, s.PublishVersion),
		wire.Op(s.onListVersionsByFunction, s.ListVersionsByFunction),

		wire.Op(s.onCreateAlias, s.CreateAlias),
		wire.Op(s.onUpdateAlias, s.UpdateAlias),
		wire.Op(s.onGetAlias, s.GetAlias),
		wire.Op(s.onListAliases, s.ListAliases),
		wire.Op(s.onDeleteAlias, s.DeleteAlias),

		wire.Op(s.onAddPermission, s.AddPermission),
		wire.Op(s.onRemovePermission, s.RemovePermission),
		wire.Op(s.onGetPolicy, s.GetPolicy),

		wire.Op(s.onTagResource, s.TagResource),
		wire.Op(s.onUntagResource, s.UntagResource),
		wire.Op(s.onListTags, s.ListTags),

		wire.Op(s.onPutFunctionConcurrency, s.PutFunctionConcurrency),
		wire.Op(s.onGetFunctionConcurrency, s.GetFunctionConcurrency),
		wire.Op(s.onDeleteFunctionConcurrency, s.DeleteFunctionConcurrency),
		wire.Op(s.onGetAccountSettings, s.GetAccountSettings),

		wire.Op(s.onPutFunctionEventInvokeConfig, s.PutFunctionEventInvokeConfig),
		wire.Op(s.onGetFunctionEventInvokeConfig, s.GetFunctionEventInvokeConfig),
		wire.Op(s.onDeleteFunctionEventInvokeConfig, s.DeleteFunctionEventInvokeConfig),

		wire.Op(s.onInvoke, s.Invoke),
	}
}
