package eventbridge

import (
	"bytes"
	"encoding/json"
	"time"
)

// An envelope is an event as rules and targets see it (EventBridge User Guide,
// "Structure of events").
type envelope struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail,omitempty"`
}

// An Event is what a service tells of. Source is "aws." and the service's name.
type Event struct {
	Account, Region    string
	Time               time.Time
	Source, DetailType string
	// Resources are ARNs.
	Resources []string
	// Detail is a JSON object.
	Detail json.RawMessage
}

func (e *Event) envelope(id string) *envelope {
	out := &envelope{
		Version: "0", ID: id, DetailType: e.DetailType, Source: e.Source, Account: e.Account, Region: e.Region,
		Time: e.Time.UTC().Format(time.RFC3339), Resources: e.Resources, Detail: e.Detail,
	}
	if out.Resources == nil {
		out.Resources = []string{}
	}
	return out
}

// marshal leaves <, > and & as they are: targets see what was put.
func (e *envelope) marshal() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
