package crash_test

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// A trail is the event history of one event name.
type trail struct {
	byRequest map[string]int // how many events a request has
	byKey     map[string]int // how many events without an error name a key, by ARN
}

// An occurrence is what is read of an event.
type occurrence struct {
	RequestID string `json:"requestID"`
	ErrorCode string `json:"errorCode"`
}

// lookup reads all events of a name since a time.
func (i *inspector) lookup(name string, since time.Time) trail {
	out := trail{byRequest: map[string]int{}, byKey: map[string]int{}}
	seen := map[string]bool{}
	pages := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(i.config), &cloudtrail.LookupEventsInput{
		StartTime:        &since,
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: &name}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(i.t.Context())
		if err != nil {
			i.t.Fatalf("look up %s: %v", name, err)
		}
		for _, e := range page.Events {
			if seen[*e.EventId] {
				i.t.Errorf("event %s of %s is there twice", *e.EventId, name)
			}
			seen[*e.EventId] = true
			i.count(&out, e)
		}
	}
	return out
}

func (i *inspector) count(out *trail, e types.Event) {
	var o occurrence
	if err := json.Unmarshal([]byte(*e.CloudTrailEvent), &o); err != nil {
		i.t.Errorf("event %s: %v", *e.EventId, err)
	}
	out.byRequest[o.RequestID]++
	if o.ErrorCode != "" {
		return
	}
	for _, r := range e.Resources {
		if aws.ToString(r.ResourceType) == "AWS::KMS::Key" {
			out.byKey[aws.ToString(r.ResourceName)]++
		}
	}
}

// events wants exactly one event of each acknowledged write, and with all set
// of each acknowledged call.
func (i *inspector) events(j *journal, since time.Time, all bool) {
	i.t.Helper()
	trails := map[string]trail{}
	for _, c := range j.calls {
		if !c.write && !all {
			continue
		}
		if _, ok := trails[c.event]; !ok {
			trails[c.event] = i.lookup(c.event, since)
		}
		if n := trails[c.event].byRequest[c.requestID]; n != 1 {
			i.t.Errorf("%s %s has %d events, want 1", c.event, c.requestID, n)
		}
	}
}

// createdKeys wants exactly one event of the making of each key that there is,
// acknowledged or not, and no event of a key that there is not.
func (i *inspector) createdKeys(ids map[string]bool) {
	i.t.Helper()
	made := i.lookup("CreateKey", time.Now().Add(-24*time.Hour))
	for arn, n := range made.byKey {
		id := arn[strings.LastIndexByte(arn, '/')+1:]
		if n != 1 || !ids[id] {
			i.t.Errorf("key %s has %d events of its making, and is there: %v", id, n, ids[id])
		}
	}
	if len(made.byKey) != len(ids) {
		i.t.Errorf("%d keys have an event of their making, want %d", len(made.byKey), len(ids))
	}
}
