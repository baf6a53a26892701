package sqs

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// The attributes that count messages.
const (
	countVisible  = "ApproximateNumberOfMessages"
	countInFlight = "ApproximateNumberOfMessagesNotVisible"
	countDelayed  = "ApproximateNumberOfMessagesDelayed"
)

// known are all attributes that a queue may have.
func knownAttribute(name string) bool {
	if _, ok := numbers(name); ok {
		return true
	}
	return slices.Contains([]string{
		countVisible, countInFlight, countDelayed, "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "Policy",
		"RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled",
		"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit",
	}, name)
}

// GetQueueAttributes returns the attributes that are asked for, and none if none are.
func (s *Service) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput) (*sqs.GetQueueAttributesOutput, error) {
	all, counted := false, false
	for _, name := range in.AttributeNames {
		switch {
		case name == types.QueueAttributeNameAll:
			all = true
		case !knownAttribute(string(name)):
			return nil, unknownAttribute(string(name))
		}
		counted = counted || slices.Contains([]string{countVisible, countInFlight, countDelayed}, string(name))
	}
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	has := q.attributes(s.region)
	if all || counted {
		c, err := s.count(ctx, q)
		if err != nil {
			return nil, err
		}
		has[countVisible], has[countInFlight], has[countDelayed] = strconv.FormatInt(c.visible, 10), strconv.FormatInt(c.inFlight, 10), strconv.FormatInt(c.delayed, 10)
	}
	if !all {
		asked := map[string]string{}
		for _, name := range in.AttributeNames {
			if value, ok := has[string(name)]; ok {
				asked[string(name)] = value
			}
		}
		has = asked
	}
	if len(has) == 0 {
		has = nil
	}
	return &sqs.GetQueueAttributesOutput{Attributes: has}, nil
}

// counts are how many messages of a queue are in which state.
type counts struct{ visible, inFlight, delayed int64 }

// count looks only at what is not visible, of which there are limits; the rest is
// what remains of all.
func (s *Service) count(ctx context.Context, q *queue) (c counts, err error) {
	partition := q.partition()
	err = s.db.View(ctx, func(tx *store.Tx) error {
		c = counts{}
		lv, err := levelOf(tx, partition)
		if err != nil {
			return err
		}
		later := store.Range{Prefix: store.K(partition), From: store.K(partition, tx.Now().UnixNano()+1)}
		for p, err := range places.Scan(tx, later) {
			if err != nil {
				return err
			}
			if err := c.add(tx, q, p); err != nil {
				return err
			}
		}
		c.visible = max(lv.Total-c.inFlight-c.delayed, 0)
		return nil
	})
	if err == errMoved { //nolint:errorlint // it is returned as it is
		err = nil
	}
	return c, err
}

// add counts a place that is not visible yet: a message, or a group of which some
// messages are not.
func (c *counts) add(tx *store.Tx, q *queue, p *place) error {
	switch {
	case q.FIFO:
		return c.addGroup(tx, p)
	case p.Delayed:
		c.delayed++
	default:
		c.inFlight++
	}
	return nil
}

func (c *counts) addGroup(tx *store.Tx, p *place) error {
	now := tx.Now().UnixNano()
	for f, err := range flights.Scan(tx, store.Range{Prefix: store.K(p.Partition, p.Group)}) {
		if err != nil {
			return err
		}
		switch {
		case f.Visible > now && f.Nonce == "":
			c.delayed++
		case f.Visible > now:
			c.inFlight++
		case f.Nonce == "": // nothing behind it is in flight
			return nil
		}
	}
	return nil
}

// checkInFlight refuses to receive more where too much is in flight already.
func (s *Service) checkInFlight(ctx context.Context, t *taking) error {
	c, err := s.count(ctx, t.queue)
	if err != nil || c.inFlight < maxInFlight {
		return err
	}
	return &types.OverLimit{Message: aws.String("Too many messages are in flight.")}
}

// SetQueueAttributes changes attributes. Those that are not named stay.
func (s *Service) SetQueueAttributes(ctx context.Context, in *sqs.SetQueueAttributesInput) (*sqs.SetQueueAttributesOutput, error) {
	given := in.Attributes
	if len(given) == 0 {
		return nil, absent("Attribute.Name")
	}
	err := s.edit(ctx, *in.QueueUrl, func(tx *store.Tx, q *queue) error {
		if err := q.apply(given, false); err != nil {
			return err
		}
		q.Modified = tx.Now()
		return s.checkTarget(tx, q, given["RedrivePolicy"])
	})
	if err != nil {
		return nil, err
	}
	s.worker.Wake()
	return &sqs.SetQueueAttributesOutput{}, nil
}
