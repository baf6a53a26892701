package eventbridge

import (
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// defaultBus is the bus that every account has.
const defaultBus = "default"

// A busName is a bus by its account.
type busName struct{ Account, Name string }

func (b busName) arn(region string) string {
	return arn.New("events", region, b.Account, "event-bus/"+b.Name)
}

// ruleARN is a rule's name: that of the default bus is left out.
func (b busName) ruleARN(region, rule string) string {
	if b.Name != defaultBus {
		rule = b.Name + "/" + rule
	}
	return arn.New("events", region, b.Account, "rule/"+rule)
}

// A bus is a name and its settings. The default bus has no row until it gets some.
type bus struct {
	Account, Name     string
	Policy            string
	Description       string
	DeadLetters       string
	Logging           bool // a log configuration was given, of level OFF
	Tags              map[string]string
	Created, Modified time.Time
}

var buses = store.NewTable("eventbridge.bus", func(b *bus) store.Key { return store.K(b.Account, b.Name) }, store.Cached[bus](1024))

func (b *bus) name() busName { return busName{b.Account, b.Name} }

// A revision counts the changes of a bus's rules: what was compiled at one is good
// until the next.
type revision struct {
	Account, Bus string
	Number       uint64
}

var revisions = store.NewTable("eventbridge.revision", func(r *revision) store.Key { return store.K(r.Account, r.Bus) }, store.Unwatched[revision]())

// A rule is a pattern or a schedule, or both.
type rule struct {
	Account, Bus, Name string
	Pattern, Schedule  string
	Disabled           bool
	Description, Role  string
	Owner              string // account that made it
	Tags               map[string]string
	// Start is when the schedule began to count, and Next when it is due; zero for never.
	Start, Next time.Time
}

var rules = store.NewTable("eventbridge.rule", func(r *rule) store.Key { return store.K(r.Account, r.Bus, r.Name) },
	store.Index("next", func(r *rule) []store.Key {
		if r.Next.IsZero() {
			return nil
		}
		return []store.Key{store.K(r.Next)}
	}))

func (r *rule) bus() busName { return busName{r.Account, r.Bus} }

func (r *rule) arn(region string) string { return r.bus().ruleARN(region, r.Name) }

// A target is where a rule's events go, and as what.
type target struct {
	Account, Bus, Rule, ID string
	ARN, Role              string
	Input, InputPath       *string
	Paths                  map[string]string
	Template               *string
	Group                  string // SQS's MessageGroupId
	HTTP                   *httpParameters
	DeadLetters            string
	// MaxAttempts and MaxAge are the retry policy, nil for AWS's.
	MaxAttempts, MaxAge *int32
	HasRetry            bool
}

// httpParameters are a target's own for an API destination.
type httpParameters struct {
	Path           []string
	Headers, Query map[string]string
}

var targets = store.NewTable("eventbridge.target", func(t *target) store.Key { return store.K(t.Account, t.Bus, t.Rule, t.ID) },
	store.Index("arn", func(t *target) []store.Key { return []store.Key{store.K(t.Account, t.Bus, t.ARN)} }))

// An arrival is an event that another service has put, before its bus has seen it.
type arrival struct {
	ID    string
	Event Event
}

var arrivals = store.NewTable("eventbridge.arrival", func(a *arrival) store.Key { return store.K(a.ID) })

// An accepted is an event that some targets have still to get.
type accepted struct {
	ID           string // of the row
	Account, Bus string
	Body         string // the event as it is delivered
	Ingested     time.Time
	Hops         int // buses that it came through before
}

var accepteds = store.NewTable("eventbridge.event", func(e *accepted) store.Key { return store.K(e.ID) }, store.Unwatched[accepted]())

// A delivery is an event on its way to a target. Code and Text are why it was given
// up, once only the dead-letter queue is left to try.
type delivery struct {
	Event              string
	Account, Bus, Rule string
	Target             string
	Born, Due          time.Time
	Attempt            int // those that failed
	Code, Text         string
	Exhausted          string
	LetterAttempt      int
}

var deliveries = store.NewTable("eventbridge.delivery", func(d *delivery) store.Key { return store.K(d.Event, d.Rule, d.Target) },
	store.Unwatched[delivery](),
	store.Index("due", func(d *delivery) []store.Key { return []store.Key{store.K(d.Due)} }))

func (d *delivery) bus() busName { return busName{d.Account, d.Bus} }

func (d *delivery) id() string { return d.Event + "/" + d.Rule + "/" + d.Target }

// lane is the target, of which only some deliveries go on at once.
func (d *delivery) lane() string { return d.Account + "/" + d.Bus + "/" + d.Rule + "/" + d.Target }
