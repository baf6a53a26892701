package sqs

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// deletedFor is how long a deleted queue's name is not to be had, and the least time
// between two purges (SQS API Reference, DeleteQueue, PurgeQueue).
const deletedFor = time.Minute

const queueType = "AWS::SQS::Queue"

// validName tells whether a queue may be called so (SQS API Reference, CreateQueue).
func validName(name string) bool {
	stem := strings.TrimSuffix(name, ".fifo")
	return stem != "" && len(name) <= 80 && strings.Trim(stem, word) == ""
}

const word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// CreateQueue makes a queue. One that is there already with the same attributes is
// answered; with others it fails with QueueNameExists.
func (s *Service) CreateQueue(ctx context.Context, in *sqs.CreateQueueInput) (*sqs.CreateQueueOutput, error) {
	call := wire.CallFrom(ctx)
	name := *in.QueueName
	if !validName(name) {
		return nil, fault("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	fifo := strings.HasSuffix(name, ".fifo")
	if fifo != (in.Attributes["FifoQueue"] == "true") {
		return nil, fault("InvalidParameterValue", "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length")
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	now := s.clock.Now()
	q := &queue{Account: call.Account(), Name: name, ID: newID(), FIFO: fifo, Created: now, Modified: now, Settings: defaults(), Tags: in.Tags}
	if err := q.apply(in.Attributes, true); err != nil {
		return nil, err
	}
	call.Made = append(call.Made, wire.Resource{ARN: q.arn(s.region), Type: queueType})
	err := s.db.Update(ctx, func(tx *store.Tx) error { return s.create(tx, q, in.Attributes) })
	if err != nil {
		return nil, err
	}
	s.worker.Wake()
	return &sqs.CreateQueueOutput{QueueUrl: aws.String(s.url(ctx, q))}, nil
}

func (s *Service) create(tx *store.Tx, q *queue, given map[string]string) error {
	old, err := queues.Get(tx, q.Account, q.Name)
	if err == nil {
		return s.same(old, q, given)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if _, err := tombstones.Get(tx, q.Account, q.Name); err == nil {
		return &types.QueueDeletedRecently{Message: aws.String("You must wait 60 seconds after deleting a queue before you can create another with the same name.")}
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := s.checkTarget(tx, q, given["RedrivePolicy"]); err != nil {
		return err
	}
	if err := levels.Put(tx, &level{Partition: q.partition()}); err != nil {
		return err
	}
	return queues.Insert(tx, q)
}

// same tells whether a queue that is there is what CreateQueue asks for: of what the
// caller names nothing may differ.
func (s *Service) same(old, q *queue, given map[string]string) error {
	before, after := old.attributes(s.region), q.attributes(s.region)
	for name := range given {
		if before[name] != after[name] {
			return &types.QueueNameExists{Message: aws.String("A queue already exists with the same name and a different value for attribute " + name)}
		}
	}
	return nil
}

// checkTarget makes sure that a queue's dead letters have somewhere to go. value is
// the RedrivePolicy as it was given.
func (s *Service) checkTarget(tx *store.Tx, q *queue, value string) error {
	r := q.Settings.Redrive
	if r == nil || value == "" {
		return nil
	}
	a, err := arn.Parse(r.Target)
	if err != nil || a.Region != s.region || a.AccountID != q.Account || a.Resource == q.Name {
		return invalid("RedrivePolicy", value, "Dead-letter target owner should be same as the source.")
	}
	target, err := queues.Get(tx, a.AccountID, a.Resource)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return invalid("RedrivePolicy", value, "Dead letter target does not exist.")
	case err != nil:
		return err
	case target.FIFO != q.FIFO:
		return invalid("RedrivePolicy", value, "Dead-letter queue must be same type of queue as the source.")
	case !target.allows(q.arn(s.region)):
		return invalid("RedrivePolicy", value, "Queue does not have permission to use the dead-letter queue per its RedriveAllowPolicy.")
	}
	return nil
}

// GetQueueUrl returns where a queue is.
func (s *Service) GetQueueUrl(ctx context.Context, in *sqs.GetQueueUrlInput) (*sqs.GetQueueUrlOutput, error) {
	account := aws.ToString(in.QueueOwnerAWSAccountId)
	if account == "" {
		account = wire.CallFrom(ctx).Account()
	}
	q, err := s.named(ctx, account, *in.QueueName)
	if err != nil {
		return nil, err
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String(s.url(ctx, q))}, nil
}

// ListQueues lists the caller's queues by name.
func (s *Service) ListQueues(ctx context.Context, in *sqs.ListQueuesInput) (*sqs.ListQueuesOutput, error) {
	account, prefix := wire.CallFrom(ctx).Account(), aws.ToString(in.QueueNamePrefix)
	p, err := newPager("sqs.ListQueues/"+account+"/"+prefix, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &sqs.ListQueuesOutput{}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		out.QueueUrls = nil
		for q, err := range queues.Scan(tx, store.Range{Prefix: store.KPrefix(account, prefix), After: p.after, Limit: p.limit + 1}) {
			if err != nil {
				return err
			}
			if len(out.QueueUrls) == p.limit {
				out.NextToken = p.next
				return nil
			}
			out.QueueUrls = append(out.QueueUrls, s.url(ctx, q))
			p.at(store.K(q.Account, q.Name))
		}
		return nil
	})
	return out, err
}

// A pager keeps where a listing stands.
type pager struct {
	kind  string
	after store.Key
	limit int
	next  *string // set only once a caller asked for pages
	paged bool
}

// newPager reads MaxResults and NextToken. Who names no MaxResults gets up to a
// thousand, and no token (SQS API Reference, ListQueues).
func newPager(kind string, limit *int32, token *string) (*pager, error) {
	p := &pager{kind: kind, limit: 1000, paged: limit != nil}
	if limit != nil {
		if *limit < 1 || *limit > 1000 {
			return nil, fault("InvalidParameterValue", "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")
		}
		p.limit = int(*limit)
	}
	if aws.ToString(token) == "" {
		return p, nil
	}
	if limit == nil {
		return nil, fault("InvalidParameterValue", "NextToken requires MaxResults.")
	}
	after, err := page.Position(kind, *token)
	if err != nil {
		return nil, fault("InvalidParameterValue", "Invalid or expired next token.")
	}
	p.after = after
	return p, nil
}

func (p *pager) at(k store.Key) {
	if p.paged {
		p.next = aws.String(page.Token(p.kind, k))
	}
}

// DeleteQueue removes a queue and all its messages. The name is free after a minute.
func (s *Service) DeleteQueue(ctx context.Context, in *sqs.DeleteQueueInput) (*sqs.DeleteQueueOutput, error) {
	r := s.parse(*in.QueueUrl)
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		q, err := queues.Get(tx, r.account, r.name)
		if errors.Is(err, store.ErrNotFound) {
			return missing()
		}
		if err != nil {
			return err
		}
		if err := discard(tx, q.partition()); err != nil {
			return err
		}
		if err := tombstones.Put(tx, &tombstone{Account: q.Account, Name: q.Name, Until: tx.Now().Add(deletedFor)}); err != nil {
			return err
		}
		return queues.Delete(tx, q.Account, q.Name)
	})
	if err != nil {
		return nil, err
	}
	s.worker.Wake()
	return &sqs.DeleteQueueOutput{}, nil
}

// discard makes a partition unreachable at once; Run removes what is in it.
func discard(tx *store.Tx, partition string) error {
	if err := levels.Drop(tx, partition); err != nil {
		return err
	}
	return refuse.Put(tx, &garbage{Partition: partition})
}

// PurgeQueue deletes all messages of a queue, those in flight too.
func (s *Service) PurgeQueue(ctx context.Context, in *sqs.PurgeQueueInput) (*sqs.PurgeQueueOutput, error) {
	err := s.edit(ctx, *in.QueueUrl, func(tx *store.Tx, q *queue) error {
		if tx.Now().Before(q.Purged.Add(deletedFor)) {
			return &types.PurgeQueueInProgress{Message: aws.String("Only one PurgeQueue operation on " + q.Name + " is allowed every 60 seconds.")}
		}
		q.Purged = tx.Now()
		if err := discard(tx, q.partition()); err != nil {
			return err
		}
		q.Generation++
		return levels.Put(tx, &level{Partition: q.partition()})
	})
	if err != nil {
		return nil, err
	}
	s.worker.Wake()
	return &sqs.PurgeQueueOutput{}, nil
}

// edit changes a queue's row.
func (s *Service) edit(ctx context.Context, url string, change func(*store.Tx, *queue) error) error {
	r := s.parse(url)
	return s.db.Update(ctx, func(tx *store.Tx) error {
		q, err := queues.Get(tx, r.account, r.name)
		if errors.Is(err, store.ErrNotFound) {
			return missing()
		}
		if err != nil {
			return err
		}
		next := *q
		next.Tags = maps.Clone(q.Tags)
		if err := change(tx, &next); err != nil {
			return err
		}
		return queues.Put(tx, &next)
	})
}
