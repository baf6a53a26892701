package gateway

import (
	"context"
	"slices"
	"strings"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Promise returns the hook that a database runs before each commit: it puts
// what is known of the call's event into the very transaction of the call's
// write, in the log that lives in the same database.
func Promise(log *audit.Log) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error {
		x, ok := ctx.Value(exchangeKey{}).(*exchange)
		if !ok || x.op == nil || x.op.ReadOnly || x.promised != nil && x.promised != log {
			return nil
		}
		x.promised = log
		if x.op.Data && !log.TakesData() {
			return nil
		}
		for _, e := range x.events() {
			if err := log.Promise(tx, e); err != nil {
				return err
			}
			x.receivers.add(e)
		}
		return nil
	}
}

// receivers are those whom events were promised to, by the account whose event it is:
// they receive it even when they have stopped listening since.
type receivers map[string][]string

func (r *receivers) add(e *audit.Event) {
	if len(e.To) == 0 {
		return
	}
	if *r == nil {
		*r = receivers{}
	}
	(*r)[e.Recipient] = e.To
}

// audit records the finished call. When it cannot be recorded, its result is
// withheld.
func (x *exchange) audit() {
	if x.op == nil || x.call.Principal == nil || x.call.Principal.Kind == iam.Anonymous {
		return // nobody's account has an event of it; the log line remains
	}
	log := x.region.Log
	if x.promised != nil {
		log = x.promised
	}
	if x.op.Data && len(x.receivers) == 0 && !log.TakesData() {
		return
	}
	for _, e := range x.events() {
		e.To = x.receivers[e.Recipient]
		if x.err != nil {
			f := x.failure()
			e.ErrorCode, e.ErrorMessage = f.Code, clip(f.Message)
		} else if !x.op.ReadOnly || x.op.Answered {
			e.Response = x.op.AppendAuditOutput(nil, x.out)
		}
		if err := log.Record(e, x.promised != nil); err != nil && x.err == nil {
			x.out, x.err = nil, err
		}
	}
}

// events are the call's: one for the caller's account, and one for each other that
// owns what the caller was let in to. Those have an id of their own, and one that
// tells that they are of the same call (CloudTrail User Guide, sharedEventID).
func (x *exchange) events() []*audit.Event {
	e := x.event()
	events := []*audit.Event{e}
	if !x.allowed {
		return events
	}
	for _, r := range e.Resources {
		if r.Account == e.Recipient || !arn.IsAccount(r.Account) || slices.ContainsFunc(events, func(o *audit.Event) bool { return o.Recipient == r.Account }) {
			continue
		}
		other := *e
		other.Recipient, other.Foreign, other.ID = r.Account, true, x.eventID(r.Account)
		events = append(events, &other)
	}
	if len(events) > 1 {
		for _, o := range events {
			o.SharedID = x.sharedID
		}
	}
	return events
}

// eventID is the id of the event that an account receives of the call.
func (x *exchange) eventID(account string) string {
	if account == x.call.Principal.Account {
		return x.call.EventID
	}
	if x.foreignIDs == nil {
		x.foreignIDs, x.sharedID = map[string]string{}, x.g.NewID()
	}
	if x.foreignIDs[account] == "" {
		x.foreignIDs[account] = x.g.NewID()
	}
	return x.foreignIDs[account]
}

// event is the call's event as far as it is known now.
func (x *exchange) event() *audit.Event {
	e := &audit.Event{
		ID: x.call.EventID, RequestID: x.call.RequestID, Time: x.call.Time,
		Source: x.service.Principal(), Name: x.op.Name, Region: x.call.Region,
		Recipient: x.call.Principal.Account, Facts: &x.call.Facts,
		ReadOnly: x.op.ReadOnly, Data: x.op.Data,
	}
	if x.in != nil {
		e.Request = x.op.AppendAuditInput(nil, x.in)
	}
	for t := range each(&x.target) {
		if t.Type == "" {
			continue
		}
		owner := t.Account
		if owner == "" {
			owner = e.Recipient
		}
		e.Resources = append(e.Resources, audit.Resource{ARN: t.Resource, Type: t.Type, Account: owner})
		if bucket, _, ok := strings.Cut(t.Resource, "/"); ok && t.Type == "AWS::S3::Object" { // CloudTrail names both
			e.Resources = append(e.Resources, audit.Resource{ARN: bucket, Type: "AWS::S3::Bucket", Account: owner})
		}
	}
	for _, m := range x.call.Made {
		e.Resources = append(e.Resources, audit.Resource{ARN: m.ARN, Type: m.Type, Account: e.Recipient})
	}
	if x.r != nil {
		e.TLS = tlsOf(x.r)
	}
	return e
}

// each yields a target and all that are chained to it.
func each(t *authz.Target) func(func(*authz.Target) bool) {
	return func(yield func(*authz.Target) bool) {
		walk(t, yield)
	}
}

func walk(t *authz.Target, yield func(*authz.Target) bool) bool {
	if !yield(t) {
		return false
	}
	for i := range t.And {
		if !walk(&t.And[i], yield) {
			return false
		}
	}
	return true
}
