package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// maxEntries is how many bytes the entries of a call have together (EventBridge
	// User Guide, "Calculating PutEvents event entry size").
	maxEntries = 256 << 10
	// timeSize is what an entry's time counts for.
	timeSize = 14
	// maxHops is how many buses an event goes on to by rules: AWS takes no event
	// further than to a second account or Region.
	maxHops = 1
)

// A passed is an event that a rule hands to another bus: it stays the event it is.
type passed struct {
	body string
	hops int
}

type passedKey struct{}

// passedBy returns the event that a call by this service itself hands on, if it is one.
func passedBy(ctx context.Context) *passed {
	p, ok := ctx.Value(passedKey{}).(*passed)
	if !ok {
		return nil
	}
	return p
}

func entrySize(e *types.PutEventsRequestEntry) int {
	n := len(aws.ToString(e.Source)) + len(aws.ToString(e.DetailType)) + len(aws.ToString(e.Detail))
	if e.Time != nil {
		n += timeSize
	}
	for _, r := range e.Resources {
		n += len(r)
	}
	return n
}

// PutEvents takes events to buses. Each entry is taken or refused by itself. One for a
// bus that is not there is taken, and goes nowhere.
func (s *Service) PutEvents(ctx context.Context, in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error) {
	if in.EndpointId != nil {
		return nil, notBuilt("Global endpoints are")
	}
	size := 0
	for i := range in.Entries {
		size += entrySize(&in.Entries[i])
	}
	if size > maxEntries {
		return nil, invalid("Total size of the entries in the request is over the limit.")
	}
	out := &eventbridge.PutEventsOutput{Entries: make([]types.PutEventsResultEntry, len(in.Entries))}
	var all []*taken
	for i := range in.Entries {
		e, refused, err := s.accept(ctx, &in.Entries[i])
		switch {
		case err != nil:
			return nil, err
		case refused != nil:
			out.Entries[i] = *refused
			out.FailedEntryCount++
		default:
			out.Entries[i].EventId = &e.id
			all = append(all, e)
		}
	}
	return out, s.take(ctx, all)
}

// take writes what is to be delivered of events.
func (s *Service) take(ctx context.Context, all []*taken) error {
	if len(all) == 0 {
		return nil
	}
	used := map[busName]*ruleSet{}
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		clear(used)
		for _, e := range all {
			rs, err := s.admit(tx, e.row, e.parsed)
			if err != nil {
				return err
			}
			if rs != nil {
				used[busName{e.row.Account, e.row.Bus}] = rs
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n, rs := range used {
		s.compiled.Put(n, rs)
	}
	if len(used) > 0 {
		s.wake()
	}
	return nil
}

// A taken is an event that was accepted.
type taken struct {
	id     string // the event's own
	row    *accepted
	parsed *eventpattern.Event
}

// parse fills in parsed. An entry may be sound and still nest too deep in its
// envelope.
func (t *taken) parse() (err error) {
	t.parsed, err = eventpattern.ParseEvent(t.row.Body)
	return err
}

// accept makes an event of an entry, or tells why not.
func (s *Service) accept(ctx context.Context, in *types.PutEventsRequestEntry) (*taken, *types.PutEventsResultEntry, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, nil, err
	}
	row := &accepted{ID: uuid.NewString(), Account: n.Account, Bus: n.Name, Ingested: s.Clock.Now()}
	if p := passedBy(ctx); p != nil {
		row.Body, row.Hops = p.body, p.hops
		t := &taken{id: row.ID, row: row}
		return t, nil, t.parse()
	}
	if code, text := refusal(in); code != "" {
		return nil, &types.PutEventsResultEntry{ErrorCode: &code, ErrorMessage: &text}, nil
	}
	e := &Event{
		Account: wire.CallFrom(ctx).Account(), Region: s.Region, Time: row.Ingested, Source: *in.Source, DetailType: *in.DetailType,
		Resources: in.Resources, Detail: json.RawMessage(*in.Detail),
	}
	if in.Time != nil {
		e.Time = *in.Time
	}
	id := uuid.NewString()
	body, err := e.envelope(id).marshal()
	if err != nil {
		return nil, nil, err
	}
	row.Body = string(body)
	t := &taken{id: id, row: row}
	if t.parse() != nil {
		return nil, &types.PutEventsResultEntry{ErrorCode: aws.String("MalformedDetail"), ErrorMessage: aws.String("Detail is malformed.")}, nil
	}
	return t, nil, nil
}

// refusal tells why an entry is not taken, in PutEvents' codes.
func refusal(in *types.PutEventsRequestEntry) (code, text string) {
	for _, p := range []struct {
		name  string
		value *string
	}{{"Source", in.Source}, {"DetailType", in.DetailType}, {"Detail", in.Detail}} {
		if aws.ToString(p.value) == "" {
			return "InvalidArgument", "Parameter " + p.name + " is not valid. Reason: " + p.name + " is a required argument."
		}
	}
	if strings.HasPrefix(*in.Source, "aws.") {
		return "NotAuthorizedForSourceException", "Not authorized for the source."
	}
	if _, err := eventpattern.ParseEvent(*in.Detail); err != nil {
		return "MalformedDetail", "Detail is malformed."
	}
	return "", ""
}

// Put takes a service's event to the default bus of its account within the
// transaction of the change that it tells of: the event is delivered if and only if
// the change is committed. tx must be of the Region's store. It reads nothing, and
// costs the transaction one row.
func (s *Service) Put(tx *store.Tx, e *Event) error {
	return arrivals.Add(tx, &arrival{ID: uuid.NewString(), Event: *e})
}

// arrive is the job that takes what services have put to the buses.
func (s *Service) arrive(ctx context.Context) (time.Time, error) {
	for {
		var some []*arrival
		err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
			some, err = store.Collect(arrivals.Scan(tx, store.Range{Limit: lookAhead}))
			return err
		})
		if err != nil || len(some) == 0 {
			return time.Time{}, err
		}
		for _, a := range some {
			if err := s.receive(ctx, a); err != nil {
				return time.Time{}, err
			}
		}
	}
}

// receive takes one arrival, exactly once. The event's id is the arrival's.
func (s *Service) receive(ctx context.Context, a *arrival) error {
	t := &taken{id: a.ID, row: &accepted{ID: a.ID, Account: a.Event.Account, Bus: defaultBus}}
	body, unsound := a.Event.envelope(a.ID).marshal()
	if t.row.Body = string(body); unsound == nil {
		unsound = t.parse()
	}
	if unsound != nil {
		s.Logger.WarnContext(ctx, "an event of a service is dropped: it is not sound", "source", a.Event.Source, "error", unsound.Error())
	}
	var rs *ruleSet
	err := s.DB.Update(ctx, func(tx *store.Tx) (err error) {
		rs = nil
		if err = arrivals.Delete(tx, a.ID); errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil || unsound != nil {
			return err
		}
		t.row.Ingested = tx.Now()
		rs, err = s.admit(tx, t.row, t.parsed)
		return err
	})
	if err == nil && rs != nil {
		s.compiled.Put(busName{a.Event.Account, defaultBus}, rs)
	}
	return err
}
