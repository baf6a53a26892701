// Package secretsmanager serves the Secrets Manager API of one Region. It keeps
// secrets, their versions and staging labels. A value lies sealed under a data
// key of its own, which only KMS opens, for the caller, at each read: it refuses
// whom the secret's policies, the key's policy or the key's state refuse.
// A replica follows its primary by letters from Region to Region, and has its
// values sealed by its own Region's KMS; of its own it refuses to change.
//
//	target: SecretId → row → policy, conditions → gateway decides → handler: row → KMS → AES-256-GCM
package secretsmanager

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Keys is KMS, asked by Secrets Manager on behalf of the call that ctx belongs to:
// the caller needs the permissions, and each question is an event of its own.
type Keys interface {
	GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error)
	Encrypt(ctx context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error)
}

// Config is what a Service is made of.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
	KMS    Keys
	// Lambda runs rotation functions.
	Lambda Functions
	// Events keeps what the service does by itself.
	Events Events
	// Relay carries what replicas have to be told.
	Relay Relay
}

// Service implements the Secrets Manager API of one Region. Its methods are safe
// for concurrent use.
type Service struct {
	db        *store.DB
	clock     clock.Clock
	region    string
	kms       Keys
	relay     Relay
	functions Functions
	events    Events
	accesses  accesses
	worker    *jobs.Worker
	// turner starts rotations at their times; in turns they are under way.
	turner *jobs.Worker
	turns  errgroup.Group
}

// New returns a Service that keeps its secrets in c.DB.
func New(c Config) *Service {
	s := &Service{
		db: c.DB, clock: c.Clock, region: c.Region, kms: c.KMS, relay: c.Relay, functions: c.Lambda, events: c.Events,
	}
	s.worker = jobs.New(c.Clock, s.keepAccesses, s.deletions(), s.settling())
	s.turner = jobs.New(c.Clock, s.rotations())
	s.relay.Handle(relayTopic, relay.Handler{Apply: s.receive, Applied: s.wake})
	return s
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateSecret, s.CreateSecret),
		wire.Op(s.onDescribeSecret, s.DescribeSecret),
		wire.Op(s.onUpdateSecret, s.UpdateSecret),
		wire.Op(s.onListSecrets, s.ListSecrets),
		wire.Op(s.onDeleteSecret, s.DeleteSecret),
		wire.Op(s.onRestoreSecret, s.RestoreSecret),

		wire.Op(s.onGetSecretValue, s.GetSecretValue),
		wire.Op(s.onBatchGetSecretValue, s.BatchGetSecretValue),
		wire.Op(s.onPutSecretValue, s.PutSecretValue),
		wire.Op(s.onListSecretVersionIds, s.ListSecretVersionIds),
		wire.Op(s.onUpdateSecretVersionStage, s.UpdateSecretVersionStage),

		wire.Op(s.onGetResourcePolicy, s.GetResourcePolicy),
		wire.Op(s.onPutResourcePolicy, s.PutResourcePolicy),
		wire.Op(s.onDeleteResourcePolicy, s.DeleteResourcePolicy),
		wire.Op(s.onValidateResourcePolicy, s.ValidateResourcePolicy),

		wire.Op(s.onTagResource, s.TagResource),
		wire.Op(s.onUntagResource, s.UntagResource),

		wire.Op(s.onRotateSecret, s.RotateSecret),
		wire.Op(s.onCancelRotateSecret, s.CancelRotateSecret),

		wire.Op(s.onReplicateSecretToRegions, s.ReplicateSecretToRegions),
		wire.Op(s.onRemoveRegionsFromReplication, s.RemoveRegionsFromReplication),
		wire.Op(s.onStopReplicationToReplica, s.StopReplicationToReplica),

		wire.Op(s.onGetRandomPassword, s.GetRandomPassword),
	}
}
