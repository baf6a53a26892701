// Package cloudwatchlogs serves the CloudWatch Logs API of one Region: groups,
// streams and events. Events lie in blocks, one a PutLogEvents, compressed, and
// sealed by KMS where the group names a key. Retention is obeyed: what is too old is
// not read from that moment, and removed soon after. Metric filters, subscriptions,
// queries and live tails are not served.
//
//	PutLogEvents → block → GetLogEvents, FilterLogEvents merge blocks → Run removes what is too old
package cloudwatchlogs

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Keys is KMS, asked by CloudWatch Logs itself for an account's log group: the
// key's policy must let the service in.
type Keys interface {
	GenerateDataKey(ctx context.Context, of Group, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error)
	Decrypt(ctx context.Context, of Group, in *kms.DecryptInput) (*kms.DecryptOutput, error)
}

// A Group is a log group for which another service is asked.
type Group struct{ Account, ARN string }

// Config is what a Service is made of.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
	KMS    Keys
}

// Service implements the CloudWatch Logs API of one Region. Its methods are safe
// for concurrent use.
type Service struct {
	Config
	// changed wakes Run when a retention was set; it has room for one.
	changed chan struct{}

	mu   sync.Mutex // guards open
	open map[string]openKey
}

// New returns a Service that keeps its events in c.DB.
func New(c Config) *Service {
	return &Service{Config: c, changed: make(chan struct{}, 1), open: map[string]openKey{}}
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateLogGroup, s.CreateLogGroup),
		wire.Op(s.onDeleteLogGroup, s.DeleteLogGroup),
		wire.Op(s.onDescribeLogGroups, s.DescribeLogGroups),
		wire.Op(s.onPutRetentionPolicy, s.PutRetentionPolicy),
		wire.Op(s.onDeleteRetentionPolicy, s.DeleteRetentionPolicy),
		wire.Op(s.onAssociateKmsKey, s.AssociateKmsKey),
		wire.Op(s.onDisassociateKmsKey, s.DisassociateKmsKey),

		wire.Op(s.onCreateLogStream, s.CreateLogStream),
		wire.Op(s.onDeleteLogStream, s.DeleteLogStream),
		wire.Op(s.onDescribeLogStreams, s.DescribeLogStreams),

		wire.Op(s.onPutLogEvents, s.PutLogEvents),
		wire.Op(s.onGetLogEvents, s.GetLogEvents),
		wire.Op(s.onFilterLogEvents, s.FilterLogEvents, wire.ReadOnly),

		wire.Op(s.onTagResource, s.TagResource),
		wire.Op(s.onUntagResource, s.UntagResource),
		wire.Op(s.onListTagsForResource, s.ListTagsForResource),

		wire.Op(s.onPutResourcePolicy, s.PutResourcePolicy),
		wire.Op(s.onDescribeResourcePolicies, s.DescribeResourcePolicies),
		wire.Op(s.onDeleteResourcePolicy, s.DeleteResourcePolicy),
	}
}
