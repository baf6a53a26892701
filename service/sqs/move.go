package sqs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// The states of a move task (SQS API Reference, ListMessageMoveTasksResultEntry).
const (
	moving     = "RUNNING"
	moved      = "COMPLETED"
	cancelling = "CANCELLING"
	cancelled  = "CANCELLED"
	failed     = "FAILED"
)

// maxRate bounds MaxNumberOfMessagesPerSecond.
const maxRate = 500

func noResource() error {
	return &types.ResourceNotFoundException{Message: aws.String("The resource that you specified for the SourceArn parameter doesn't exist.")}
}

func noTask() error {
	return &types.ResourceNotFoundException{Message: aws.String("Task does not exist.")}
}

// A taskHandle is what a task's handle says.
type taskHandle struct {
	TaskID    string `json:"taskId"`
	SourceARN string `json:"sourceArn"`
}

func (s *Service) handleOf(m *move) string {
	source := &queue{Account: m.Account, Name: m.Source}
	text := `{"taskId":` + marshal(m.ID) + `,"sourceArn":` + marshal(source.arn(s.region)) + `}`
	return base64.StdEncoding.EncodeToString([]byte(text))
}

func parseTask(handle string) (id, source string, ok bool) {
	b, err := base64.StdEncoding.DecodeString(handle)
	var t taskHandle
	if err != nil || json.Unmarshal(b, &t) != nil {
		return "", "", false
	}
	return t.TaskID, t.SourceARN, t.TaskID != ""
}

// StartMessageMoveTask begins to move a dead-letter queue's messages back to where
// they came from, or to another queue.
func (s *Service) StartMessageMoveTask(ctx context.Context, in *sqs.StartMessageMoveTaskInput) (*sqs.StartMessageMoveTaskOutput, error) {
	r, _ := s.parseARN(*in.SourceArn)
	q, err := s.named(ctx, r.account, r.name)
	if err != nil {
		return nil, noResource()
	}
	m := &move{Account: q.Account, Source: q.Name, ID: newID(), Destination: aws.ToString(in.DestinationArn), Status: moving, Started: s.clock.Now(), Next: s.clock.Now()}
	if n := in.MaxNumberOfMessagesPerSecond; n != nil {
		if *n < 1 || *n > maxRate {
			return nil, fault("InvalidParameterValue", "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter an integer between 1 and 500.")
		}
		m.Rate = int(*n)
	}
	if err := s.checkDestination(ctx, q, m.Destination); err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error { return s.begin(tx, q, m) })
	if err != nil {
		return nil, err
	}
	s.worker.Wake()
	return &sqs.StartMessageMoveTaskOutput{TaskHandle: aws.String(s.handleOf(m))}, nil
}

func (s *Service) checkDestination(ctx context.Context, q *queue, destination string) error {
	if destination == "" {
		return nil
	}
	r, ok := s.parseARN(destination)
	if !ok {
		return noResource()
	}
	to, err := s.named(ctx, r.account, r.name)
	if err != nil {
		return &types.ResourceNotFoundException{Message: aws.String("The resource that you specified for the DestinationArn parameter doesn't exist.")}
	}
	if to.FIFO != q.FIFO || to.ID == q.ID {
		return fault("InvalidParameterValue", "The destination queue must be another queue of the same type as the source.")
	}
	return nil
}

func (s *Service) begin(tx *store.Tx, q *queue, m *move) error {
	isGrave := false
	for _, err := range queues.ScanIndex(tx, "target", store.Range{Prefix: store.K(q.arn(s.region)), Limit: 1}) {
		if err != nil {
			return err
		}
		isGrave = true
	}
	if !isGrave {
		return fault("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
	}
	for old, err := range moves.Scan(tx, store.Range{Prefix: store.K(q.Account, q.Name), Reverse: true, Limit: 1}) {
		if err != nil {
			return err
		}
		if old.Status == moving || old.Status == cancelling {
			return &types.UnsupportedOperation{Message: aws.String("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")}
		}
	}
	lv, err := levelOf(tx, q.partition())
	if err != nil {
		return err
	}
	m.Total = lv.Total
	return moves.Insert(tx, m)
}

// CancelMessageMoveTask stops a task. What it has moved stays moved.
func (s *Service) CancelMessageMoveTask(ctx context.Context, in *sqs.CancelMessageMoveTaskInput) (*sqs.CancelMessageMoveTaskOutput, error) {
	id, source, _ := parseTask(*in.TaskHandle)
	r, ok := s.parseARN(source)
	if !ok {
		return nil, noTask()
	}
	var done int64
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		for m, err := range moves.Scan(tx, store.Range{Prefix: store.K(r.account, r.name)}) {
			if err != nil {
				return err
			}
			if m.ID != id {
				continue
			}
			if m.Status != moving {
				return &types.UnsupportedOperation{Message: aws.String("Only active tasks can be cancelled.")}
			}
			done, m.Status = m.Moved, cancelled
			return moves.Put(tx, m)
		}
		return noTask()
	})
	if err != nil {
		return nil, err
	}
	return &sqs.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: done}, nil
}

// ListMessageMoveTasks lists a source's newest tasks, up to ten.
func (s *Service) ListMessageMoveTasks(ctx context.Context, in *sqs.ListMessageMoveTasksInput) (*sqs.ListMessageMoveTasksOutput, error) {
	limit := 1
	if n := aws.ToInt32(in.MaxResults); n != 0 {
		if n < 1 || n > 10 {
			return nil, invalid("MaxResults", "given", "Must be between 1 and 10, if provided.")
		}
		limit = int(n)
	}
	r, _ := s.parseARN(*in.SourceArn)
	out := &sqs.ListMessageMoveTasksOutput{}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		out.Results = nil
		for m, err := range moves.Scan(tx, store.Range{Prefix: store.K(r.account, r.name), Reverse: true, Limit: limit}) {
			if err != nil {
				return err
			}
			out.Results = append(out.Results, s.entry(m, *in.SourceArn))
		}
		return nil
	})
	return out, err
}

func (s *Service) entry(m *move, source string) types.ListMessageMoveTasksResultEntry {
	e := types.ListMessageMoveTasksResultEntry{
		SourceArn: &source, Status: aws.String(m.Status), StartedTimestamp: m.Started.UnixMilli(),
		ApproximateNumberOfMessagesMoved: m.Moved, ApproximateNumberOfMessagesToMove: aws.Int64(m.Total),
		DestinationArn: optional(m.Destination), FailureReason: optional(m.Failure),
	}
	if m.Rate > 0 {
		e.MaxNumberOfMessagesPerSecond = aws.Int32(int32(m.Rate)) //nolint:gosec // at most 500
	}
	if m.Status == moving {
		e.TaskHandle = aws.String(s.handleOf(m))
	}
	return e
}

// ListDeadLetterSourceQueues lists the queues whose dead letters come here.
func (s *Service) ListDeadLetterSourceQueues(ctx context.Context, in *sqs.ListDeadLetterSourceQueuesInput) (*sqs.ListDeadLetterSourceQueuesOutput, error) {
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	p, err := newPager("sqs.ListDeadLetterSourceQueues/"+q.ID, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	key := store.K(q.arn(s.region))
	out := &sqs.ListDeadLetterSourceQueuesOutput{QueueUrls: []string{}}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		out.QueueUrls = out.QueueUrls[:0]
		for source, err := range queues.ScanIndex(tx, "target", store.Range{Prefix: key, After: p.after, Limit: p.limit + 1}) {
			if err != nil {
				return err
			}
			if len(out.QueueUrls) == p.limit {
				out.NextToken = p.next
				return nil
			}
			out.QueueUrls = append(out.QueueUrls, s.url(ctx, source))
			p.at(queues.IndexAfter(key, source))
		}
		return nil
	})
	return out, err
}

// errNoWay tells that a message's task cannot tell where to move it.
var errNoWay = errors.New("CouldNotDetermineMessageSource")
