package audit

import (
	"time"

	"github.com/garrison-cloud/garrison/internal/jsonenc"
	"github.com/garrison-cloud/garrison/internal/store"
)

// internal is CloudTrail's name for what AWS does by itself.
const internal = "AWS Internal"

// A ServiceEvent is something that a service did by itself, with no call to answer:
// a key was rotated, a window has passed (CloudTrail User Guide, "Non-API events
// captured by CloudTrail").
type ServiceEvent struct {
	Time time.Time
	// Source is the service's principal, Name what it did, Region where.
	Source, Name, Region string
	// Account is the one whose resources they are.
	Account   string
	Resources []Resource
	// Details is a JSON object of the service's own making; empty is none.
	Details []byte
}

// appendJSON appends the event as CloudTrail delivers it.
func (e *ServiceEvent) appendJSON(dst []byte, id string) []byte {
	o := jsonenc.Object{Buf: dst}
	o.String("eventVersion", "1.11")
	o.Name("userIdentity")
	who := jsonenc.Object{Buf: o.Buf}
	who.String("accountId", e.Account)
	who.String("invokedBy", internal)
	o.Buf = who.Close()
	o.String("eventTime", e.Time.UTC().Format(time.RFC3339))
	o.String("eventSource", e.Source)
	o.String("eventName", e.Name)
	o.String("awsRegion", e.Region)
	o.String("sourceIPAddress", internal)
	o.String("userAgent", internal)
	o.Bytes("requestParameters", nil)
	o.Bytes("responseElements", nil)
	o.String("eventID", id)
	o.Bool("readOnly", false)
	appendResources(&o, e.Resources)
	o.String("eventType", "AwsServiceEvent")
	o.Bool("managementEvent", true)
	o.String("recipientAccountId", e.Account)
	if len(e.Details) > 0 {
		o.Bytes("serviceEventDetails", e.Details)
	}
	o.String("eventCategory", "Management")
	return o.Close()
}

// Write keeps the event in the transaction of what it describes, so that the one is
// never kept without the other. The transaction is of the log's own database.
func (l *Log) Write(tx *store.Tx, e *ServiceEvent) error {
	id := l.newID()
	kept := []entry{{account: e.Account, record: Record{
		ID: id, Time: e.Time, Name: e.Name, Source: e.Source, Resources: e.Resources, Region: e.Region,
		JSON: e.appendJSON(nil, id),
	}}}
	if l.trails != nil {
		kept[0].to = l.trails.Take(&Event{
			Type: "AwsServiceEvent", ID: id, Time: e.Time, Name: e.Name, Source: e.Source,
			Recipient: e.Account, Region: e.Region, Resources: e.Resources,
		})
	}
	made, err := l.pack(kept)
	if err != nil {
		return err
	}
	return made.add(tx)
}
