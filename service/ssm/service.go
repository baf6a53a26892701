// Package ssm serves the Parameter Store operations of Systems Manager in one
// Region: parameters, their versions, labels, policies and hierarchies. The value
// of a SecureString lies sealed as KMS gave it back, and KMS opens it for the
// caller at each read: it refuses whom the key's policy or state refuse. All of
// Systems Manager that is not Parameter Store is not served.
//
//	target: name → row → ARN, tags, policy, conditions → gateway decides → handler: row → KMS → value
package ssm

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Keys is KMS, asked by Parameter Store on behalf of the call that ctx belongs to:
// the caller needs the permissions, and each question is an event of its own.
type Keys interface {
	GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error)
	Encrypt(ctx context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error)
}

// Secrets is Secrets Manager, asked in the same way for parameters that refer to
// a secret.
type Secrets interface {
	GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error)
}

// An Event is what EventBridge is to be told, of source aws.ssm (Systems Manager
// User Guide, "Amazon EventBridge event examples for Systems Manager").
type Event struct {
	Account, Region string
	Time            time.Time
	// DetailType is "Parameter Store Change" or "Parameter Store Policy Action".
	DetailType string
	// Resources are ARNs.
	Resources []string
	// Detail is the event's own JSON object.
	Detail json.RawMessage
}

// Events takes events within the transaction of the change that they tell of, so
// that there is an event if and only if there is the change. Put may run again
// with tx, has no effect but through it, and fails the change by an error.
type Events interface {
	Put(tx *store.Tx, e *Event) error
}

// Config is what a Service is made of.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
	// Regions are those that are served; public parameters tell of them.
	Regions []string
	KMS     Keys
	// Secrets may be nil: then no parameter refers to a secret.
	Secrets Secrets
	// Events may be nil: then nobody is told.
	Events Events
}

// Service implements Parameter Store in one Region. Its methods are safe for
// concurrent use.
type Service struct {
	db      *store.DB
	clock   clock.Clock
	region  string
	kms     Keys
	secrets Secrets
	events  Events
	public  []publicParameter // by name
	worker  *jobs.Worker      // of parameter policies
}

// New returns a Service that keeps its parameters in c.DB.
func New(c Config) *Service {
	s := &Service{
		db: c.DB, clock: c.Clock, region: c.Region, kms: c.KMS, secrets: c.Secrets, events: c.Events,
		public: publicParameters(c.Regions, c.Clock.Now()),
	}
	s.worker = jobs.New(c.Clock, s.doDue)
	return s
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onPutParameter, s.PutParameter),
		wire.Op(s.onGetParameter, s.GetParameter),
		wire.Op(s.onGetParameters, s.GetParameters),
		wire.Op(s.onGetParametersByPath, s.GetParametersByPath),
		wire.Op(s.onGetParameterHistory, s.GetParameterHistory),
		wire.Op(s.onDescribeParameters, s.DescribeParameters),
		wire.Op(s.onDeleteParameter, s.DeleteParameter),
		wire.Op(s.onDeleteParameters, s.DeleteParameters),

		wire.Op(s.onLabelParameterVersion, s.LabelParameterVersion),
		wire.Op(s.onUnlabelParameterVersion, s.UnlabelParameterVersion),

		wire.Op(s.onAddTagsToResource, s.AddTagsToResource),
		wire.Op(s.onRemoveTagsFromResource, s.RemoveTagsFromResource),
		wire.Op(s.onListTagsForResource, s.ListTagsForResource),

		wire.Op(s.onPutResourcePolicy, s.PutResourcePolicy),
		wire.Op(s.onGetResourcePolicies, s.GetResourcePolicies),
		wire.Op(s.onDeleteResourcePolicy, s.DeleteResourcePolicy),

		wire.Op(s.onGetServiceSetting, s.GetServiceSetting),
		wire.Op(s.onUpdateServiceSetting, s.UpdateServiceSetting),
		wire.Op(s.onResetServiceSetting, s.ResetServiceSetting),
	}
}
