// Package sqs serves the SQS API of one Region: standard and FIFO queues whose
// messages are durable once acknowledged. It refuses what a queue's policy, its key
// or AWS's limits refuse, and promises what SQS promises: standard queues deliver at
// least once, FIFO queues in order and once.
//
//	SendMessage → message + place in line → ReceiveMessage: first visible place → flight → DeleteMessage
package sqs

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Keys is KMS, asked by SQS on behalf of the call that ctx belongs to: the caller
// needs the permissions, and each question is an event of its own.
type Keys interface {
	GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error)
}

// Config is what a Service is made of. All of it is required.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
	KMS    Keys
	// Endpoint returns the server's own URL, for calls that came from no network.
	Endpoint func() string
}

// Service implements the SQS API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	db       *store.DB
	clock    clock.Clock
	region   string
	kms      Keys
	endpoint func() string
	waiters  waiters
	// lines are hints at where each line begins, by partition: *line.
	lines  sync.Map
	keys   dataKeys
	worker *jobs.Worker
}

// New returns a Service that keeps its queues in c.DB.
func New(c Config) *Service {
	s := &Service{
		db: c.DB, clock: c.Clock, region: c.Region, kms: c.KMS, endpoint: c.Endpoint,
		waiters: waiters{byPartition: map[string][]*waiter{}},
		keys:    dataKeys{held: map[string]*heldKey{}},
	}
	s.worker = jobs.New(c.Clock, s.work)
	return s
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateQueue, s.CreateQueue),
		wire.Op(s.onGetQueueURL, s.GetQueueUrl),
		wire.Op(s.onListQueues, s.ListQueues),
		wire.Op(s.onDeleteQueue, s.DeleteQueue),
		wire.Op(s.onPurgeQueue, s.PurgeQueue),
		wire.Op(s.onGetQueueAttributes, s.GetQueueAttributes),
		wire.Op(s.onSetQueueAttributes, s.SetQueueAttributes),

		wire.Op(s.onSendMessage, s.SendMessage),
		wire.Op(s.onSendMessageBatch, s.SendMessageBatch),
		// Its answer is what was sent, which no event may tell.
		wire.Op(s.onReceiveMessage, s.ReceiveMessage, wire.ReadOnly),
		wire.Op(s.onDeleteMessage, s.DeleteMessage),
		wire.Op(s.onDeleteMessageBatch, s.DeleteMessageBatch),
		wire.Op(s.onChangeMessageVisibility, s.ChangeMessageVisibility),
		wire.Op(s.onChangeMessageVisibilityBatch, s.ChangeMessageVisibilityBatch),

		wire.Op(s.onListDeadLetterSourceQueues, s.ListDeadLetterSourceQueues),
		wire.Op(s.onStartMessageMoveTask, s.StartMessageMoveTask),
		wire.Op(s.onCancelMessageMoveTask, s.CancelMessageMoveTask),
		wire.Op(s.onListMessageMoveTasks, s.ListMessageMoveTasks),

		wire.Op(s.onAddPermission, s.AddPermission),
		wire.Op(s.onRemovePermission, s.RemovePermission),

		wire.Op(s.onTagQueue, s.TagQueue),
		wire.Op(s.onUntagQueue, s.UntagQueue),
		wire.Op(s.onListQueueTags, s.ListQueueTags),
	}
}

func newID() string { return uuid.NewString() }

// newNonce tells one receipt of a message from another, and cannot be guessed.
func newNonce() string { return rand.Text() }

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
