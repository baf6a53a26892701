package eventbridge

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	busType = "AWS::Events::EventBus"
	// maxBuses is how many buses an account has in a Region (EventBridge User Guide,
	// "Quotas").
	maxBuses = 100
)

// named is the bus that a name or an ARN stands for, "" being the default one of the
// caller. What is of another Region is not here.
func (s *Service) named(ctx context.Context, text *string) (busName, error) {
	name := aws.ToString(text)
	if name == "" {
		name = defaultBus
	}
	if !strings.HasPrefix(name, "arn:") {
		return busName{wire.CallFrom(ctx).Account(), name}, nil
	}
	a, err := arn.Parse(name)
	rest, ok := strings.CutPrefix(a.Resource, "event-bus/")
	if err != nil || !ok || a.Service != "events" || a.Region != s.Region || !arn.IsAccount(a.AccountID) || a.Partition != arn.Partition(s.Region) {
		return busName{}, missingBus(name)
	}
	return busName{a.AccountID, rest}, nil
}

// get returns a bus's row, which must not be changed. The default bus is always there.
func (n busName) get(tx *store.Tx) (*bus, error) {
	b, err := buses.Get(tx, n.Account, n.Name)
	if errors.Is(err, store.ErrNotFound) {
		if n.Name == defaultBus {
			return &bus{Account: n.Account, Name: n.Name}, nil
		}
		return nil, missingBus(n.Name)
	}
	return b, err
}

func (s *Service) bus(ctx context.Context, n busName) (b *bus, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		b, err = n.get(tx)
		return err
	})
	return b, err
}

// edit changes a bus's row.
func (s *Service) edit(ctx context.Context, n busName, change func(*bus) error) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		b, err := n.get(tx)
		if err != nil {
			return err
		}
		next := *b
		next.Tags = maps.Clone(b.Tags)
		if err := change(&next); err != nil {
			return err
		}
		next.Modified = tx.Now()
		if next.Created.IsZero() {
			next.Created = tx.Now()
		}
		return buses.Put(tx, &next)
	})
}

// A busSettings is what CreateEventBus and UpdateEventBus share.
type busSettings struct {
	description, key *string
	letters          *types.DeadLetterConfig
	log              *types.LogConfig
}

// check refuses what would be kept and not obeyed.
func (x *busSettings) check() error {
	if aws.ToString(x.key) != "" {
		return notBuilt("Customer managed keys of event buses are")
	}
	if x.log != nil && x.log.Level != "" && x.log.Level != types.LevelOff {
		return notBuilt("Logs of event buses are")
	}
	if x.letters != nil && x.letters.Arn != nil {
		return checkQueue(*x.letters.Arn)
	}
	return nil
}

func (x *busSettings) set(b *bus) {
	b.Description, b.Logging = aws.ToString(x.description), x.log != nil
	b.DeadLetters = ""
	if x.letters != nil {
		b.DeadLetters = aws.ToString(x.letters.Arn)
	}
}

func (b *bus) letters() *types.DeadLetterConfig {
	if b.DeadLetters == "" {
		return nil
	}
	return &types.DeadLetterConfig{Arn: aws.String(b.DeadLetters)}
}

func (b *bus) logging() *types.LogConfig {
	if !b.Logging {
		return nil
	}
	return &types.LogConfig{Level: types.LevelOff, IncludeDetail: types.IncludeDetailNone}
}

// CreateEventBus makes a custom bus.
func (s *Service) CreateEventBus(ctx context.Context, in *eventbridge.CreateEventBusInput) (*eventbridge.CreateEventBusOutput, error) {
	call := wire.CallFrom(ctx)
	settings := busSettings{in.Description, in.KmsKeyIdentifier, in.DeadLetterConfig, in.LogConfig}
	switch {
	case in.EventSourceName != nil || strings.HasPrefix(*in.Name, "aws.partner/"):
		return nil, notBuilt("Partner event sources are")
	case strings.Contains(*in.Name, "/"):
		return nil, invalid("Parameter Name is not valid. Reason: Event bus name must not contain '/'.")
	case *in.Name == defaultBus:
		return nil, exists("Event bus %s already exists.", *in.Name)
	}
	if err := settings.check(); err != nil {
		return nil, err
	}
	b := &bus{Account: call.Account(), Name: *in.Name, Tags: tagMap(in.Tags)}
	settings.set(b)
	if err := checkTags(b.Tags); err != nil {
		return nil, err
	}
	name := b.name().arn(s.Region)
	call.Made = append(call.Made, wire.Resource{ARN: name, Type: busType})
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		n := 1 // the default one
		for other, err := range buses.Scan(tx, store.Range{Prefix: store.K(b.Account)}) {
			if err != nil {
				return err
			}
			if other.Name != defaultBus {
				n++
			}
		}
		b.Created, b.Modified = tx.Now(), tx.Now()
		err := buses.Insert(tx, b)
		switch {
		case errors.Is(err, store.ErrExists):
			return exists("Event bus %s already exists.", b.Name)
		case err == nil && n >= maxBuses:
			return limit("The requested resource exceeds the maximum number allowed.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.CreateEventBusOutput{EventBusArn: &name, Description: in.Description, DeadLetterConfig: b.letters(), LogConfig: b.logging()}, nil
}

// UpdateEventBus sets a bus's settings anew.
func (s *Service) UpdateEventBus(ctx context.Context, in *eventbridge.UpdateEventBusInput) (*eventbridge.UpdateEventBusOutput, error) {
	n, err := s.named(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	settings := busSettings{in.Description, in.KmsKeyIdentifier, in.DeadLetterConfig, in.LogConfig}
	if err := settings.check(); err != nil {
		return nil, err
	}
	out := &eventbridge.UpdateEventBusOutput{Arn: aws.String(n.arn(s.Region)), Name: &n.Name, Description: in.Description}
	err = s.edit(ctx, n, func(b *bus) error {
		settings.set(b)
		out.DeadLetterConfig, out.LogConfig = b.letters(), b.logging()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteEventBus removes a custom bus without rules. One that is not there is no error.
func (s *Service) DeleteEventBus(ctx context.Context, in *eventbridge.DeleteEventBusInput) (*eventbridge.DeleteEventBusOutput, error) {
	n, err := s.named(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if n.Name == defaultBus {
		return nil, invalid("Cannot delete event bus default.")
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		for _, err := range rules.Scan(tx, store.Range{Prefix: store.K(n.Account, n.Name), Limit: 1}) {
			if err != nil {
				return err
			}
			return invalid("Event bus %s can't be deleted since it has rules.", n.Name)
		}
		if err := buses.Delete(tx, n.Account, n.Name); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.DeleteEventBusOutput{}, nil
}

// DescribeEventBus tells of a bus.
func (s *Service) DescribeEventBus(ctx context.Context, in *eventbridge.DescribeEventBusInput) (*eventbridge.DescribeEventBusOutput, error) {
	n, err := s.named(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	b, err := s.bus(ctx, n)
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeEventBusOutput{
		Arn: aws.String(n.arn(s.Region)), Name: &n.Name, Policy: optional(b.Policy), Description: optional(b.Description),
		DeadLetterConfig: b.letters(), LogConfig: b.logging(), CreationTime: moment(b.Created), LastModifiedTime: moment(b.Modified),
	}, nil
}

// ListEventBuses lists the caller's buses by name.
func (s *Service) ListEventBuses(ctx context.Context, in *eventbridge.ListEventBusesInput) (*eventbridge.ListEventBusesOutput, error) {
	account := wire.CallFrom(ctx).Account()
	l := list{"events.ListEventBuses/" + account, in.NextToken, in.Limit}
	out := &eventbridge.ListEventBusesOutput{EventBuses: []types.EventBus{}}
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		all, err := collect(busesOf(tx, account), func(b *bus) bool { return strings.HasPrefix(b.Name, aws.ToString(in.NamePrefix)) })
		if err != nil {
			return err
		}
		all, out.NextToken, err = cut(&l, all, func(b *bus) string { return b.Name })
		out.EventBuses = out.EventBuses[:0]
		for _, b := range all {
			out.EventBuses = append(out.EventBuses, types.EventBus{
				Arn: aws.String(b.name().arn(s.Region)), Name: &b.Name, Policy: optional(b.Policy), Description: optional(b.Description),
				CreationTime: moment(b.Created), LastModifiedTime: moment(b.Modified),
			})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// busesOf yields an account's buses by name, the default one in any case.
func busesOf(tx *store.Tx, account string) func(yield func(*bus, error) bool) {
	return func(yield func(*bus, error) bool) {
		first := &bus{Account: account, Name: defaultBus}
		var others []*bus
		for b, err := range buses.Scan(tx, store.Range{Prefix: store.K(account)}) {
			switch {
			case err != nil:
				yield(nil, err)
				return
			case b.Name == defaultBus:
				first = b
			default:
				others = append(others, b)
			}
		}
		done := false
		for _, b := range others {
			if !done && b.Name > defaultBus {
				if done = true; !yield(first, nil) {
					return
				}
			}
			if !yield(b, nil) {
				return
			}
		}
		if !done {
			yield(first, nil)
		}
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
