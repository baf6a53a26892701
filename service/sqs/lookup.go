package sqs

import (
	"context"
	"errors"
	"strings"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A reference is what a queue's URL or ARN says.
type reference struct{ account, name string }

// url is the queue's address as its caller reaches the server.
func (s *Service) url(ctx context.Context, q *queue) string {
	base := wire.CallFrom(ctx).Endpoint
	if base == "" {
		base = s.endpoint()
	}
	return base + "/" + q.Account + "/" + q.Name
}

// parse reads a queue's URL: its last two segments count, whatever the host, since
// one server goes by many names. What is no queue's URL names no queue.
func (s *Service) parse(url string) reference {
	rest, name := cutLast(strings.TrimSuffix(url, "/"))
	_, account := cutLast(rest)
	if !arn.IsAccount(account) || !validName(name) {
		return reference{}
	}
	return reference{account, name}
}

func cutLast(s string) (before, after string) {
	i := strings.LastIndexByte(s, '/')
	return s[:max(i, 0)], s[i+1:]
}

// parseARN reads the ARN of a queue of this Region.
func (s *Service) parseARN(text string) (reference, bool) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "sqs" || a.Region != s.region || !arn.IsAccount(a.AccountID) || !validName(a.Resource) {
		return reference{}, false
	}
	return reference{a.AccountID, a.Resource}, true
}

// queue returns the queue under a URL, which must not be changed.
func (s *Service) queue(ctx context.Context, url string) (*queue, error) {
	r := s.parse(url)
	return s.named(ctx, r.account, r.name)
}

func (s *Service) named(ctx context.Context, account, name string) (q *queue, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		q, err = queues.Get(tx, account, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing()
	}
	return q, err
}
