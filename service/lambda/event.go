package lambda

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/runtime"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// How asynchronous invocations are tried again (Lambda Developer Guide, "How Lambda
// handles errors and retries with asynchronous invocation").
const (
	defaultRetries = 2
	defaultAge     = 6 * time.Hour
	// maxBackoff bounds the pause after throttling and system errors.
	maxBackoff = 5 * time.Minute
	// atOnce is how many events are worked on at a time.
	atOnce = 16
	// idleWait is how long Run sleeps when nothing is planned: any change wakes it.
	idleWait = 365 * 24 * time.Hour
)

// queue stores an event; once it is stored it will be tried.
func (s *Service) queue(ctx context.Context, r reference, payload []byte) error {
	id := wire.CallFrom(ctx).RequestID
	kept, err := s.keepBytes(ctx, r.account, payload)
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := refer(tx, r.account, kept); err != nil {
			return err
		}
		return events.Insert(tx, &event{
			Account: r.account, ID: id, Function: r.name, Qualifier: r.qualifier, Payload: kept, Received: tx.Now(), Due: tx.Now(),
		})
	})
	s.worker.Wake()
	return err
}

// Run runs the environments, the queued events and the sweeping, until ctx ends. It
// returns once no process is left.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Pool.Run(ctx) })
	g.Go(func() error { return s.work(ctx) })
	err := g.Wait()
	s.shipping.Wait()
	return err
}

// work takes the events that are due, and ends when those under way have.
func (s *Service) work(ctx context.Context) error {
	s.events.SetLimit(atOnce)
	err := s.worker.Run(ctx)
	return errors.Join(err, s.events.Wait())
}

// workDue starts all events that are due, and returns when the next one is.
func (s *Service) workDue(ctx context.Context) (next time.Time, err error) {
	g := &s.events
	now := s.Clock.Now()
	next = now.Add(idleWait)
	var due []*event
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		due = nil
		for e, err := range events.ScanIndex(tx, "due", store.Range{}) {
			if err != nil {
				return err
			}
			if s.isTaken(e.ID) {
				continue
			}
			if e.Due.After(now) {
				next = e.Due
				return nil
			}
			if due = append(due, e); len(due) == 4*atOnce {
				next = now // there may be more
				return nil
			}
		}
		return nil
	})
	for _, e := range due {
		s.mark(e.ID, true)
		g.Go(func() error {
			defer s.worker.Wake() // for the next try, or the event that waits for room
			defer s.mark(e.ID, false)
			s.try(ctx, e)
			return nil
		})
	}
	return next, err
}

func (s *Service) isTaken(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken[id]
}

func (s *Service) mark(id string, taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if taken {
		s.taken[id] = true
	} else {
		delete(s.taken, id)
	}
}

// try makes one attempt at an event. What happens to the process before its outcome
// is stored makes the event be tried again: at least once, not exactly once.
func (s *Service) try(ctx context.Context, e *event) {
	age, retries, err := s.patience(ctx, e)
	if err == nil && s.Clock.Now().Sub(e.Received) >= age {
		err = s.done(ctx, e)
	} else if err == nil {
		err = s.attempt(ctx, e, retries)
	}
	if err != nil && ctx.Err() == nil {
		s.Logger.Error("work on an asynchronous invocation", "function", e.Function, "request", e.ID, "error", err)
		e.Throttled++
		err = s.later(ctx, e, backoff(e.Throttled))
	}
	if err != nil && ctx.Err() == nil {
		s.Logger.Error("put off an asynchronous invocation", "function", e.Function, "request", e.ID, "error", err)
	}
}

// attempt runs the function, and stores what is to become of the event.
func (s *Service) attempt(ctx context.Context, e *event, retries int32) error {
	r := reference{e.Account, e.Function, e.Qualifier}
	v, err := s.resolve(ctx, r)
	if _, gone := errors.AsType[*types.ResourceNotFoundException](err); gone {
		return s.done(ctx, e)
	}
	if err != nil {
		return err
	}
	payload, err := s.readBytes(ctx, e.Account, e.Payload)
	if err != nil {
		return err
	}
	res, err := s.run(ctx, r, v, &runtime.Invocation{RequestID: e.ID, Payload: payload, ARN: s.invokedARN(r), Trace: newTrace(s.Clock.Now())})
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the server stops: it is tried again when it is back
	case err != nil:
		if _, _, no := refused(err); no { // no room, or a role or key that is refused now
			e.Throttled++
			return s.later(ctx, e, backoff(e.Throttled))
		}
		return err
	case res.Error == "":
		return s.done(ctx, e)
	}
	if e.Attempts++; e.Attempts > retries {
		return s.done(ctx, e)
	}
	return s.later(ctx, e, time.Duration(e.Attempts)*time.Minute) // one minute, then two
}

func backoff(n int32) time.Duration {
	return min(maxBackoff, time.Second<<min(n-1, 16))
}

// patience is how old an event may grow, and how often it is tried again.
func (s *Service) patience(ctx context.Context, e *event) (age time.Duration, retries int32, err error) {
	age, retries = defaultAge, defaultRetries
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		c, err := eventConfigs.Get(tx, e.Account, e.Function, policyOf(e.Qualifier))
		if err == nil {
			if c.MaxAge != nil {
				age = time.Duration(*c.MaxAge) * time.Second
			}
			retries = aws.ToInt32(c.Retries)
			if c.Retries == nil {
				retries = defaultRetries
			}
		}
		return ifThere(err)
	})
	return age, retries, err
}

// later puts an event off.
func (s *Service) later(ctx context.Context, e *event, d time.Duration) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		e.Due = tx.Now().Add(d)
		return events.Put(tx, e)
	})
}

// done removes an event.
func (s *Service) done(ctx context.Context, e *event) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(events.Delete(tx, e.Account, e.ID), discard(tx, e.Account, e.Payload))
	})
}
