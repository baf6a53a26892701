package eventbridge

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
)

// The variables that templates have without defining them (EventBridge User Guide,
// "Predefined variables").
const (
	varRuleARN  = "aws.events.rule-arn"
	varRuleName = "aws.events.rule-name"
	varIngested = "aws.events.event.ingestion-time"
	varEvent    = "aws.events.event"
	varWhole    = "aws.events.event.json"
)

func predefined(name string) bool {
	switch name {
	case varRuleARN, varRuleName, varIngested, varEvent, varWhole:
		return true
	}
	return false
}

// input is what the target gets of the event.
func (l *load) input() (string, error) {
	t := l.target
	switch {
	case t.Input != nil:
		return *t.Input, nil
	case t.InputPath == nil && t.Template == nil:
		return l.event.Body, nil
	}
	e, err := eventpattern.ParseEvent(l.event.Body)
	if err != nil {
		return "", err
	}
	if t.InputPath != nil {
		p, err := eventpattern.ParsePath(*t.InputPath)
		if err != nil {
			return "", err
		}
		v, ok := p.Find(e)
		if !ok {
			return "", &deliveryError{"INVALID_JSON", "The InputPath leads to nothing in the event.", true}
		}
		return v, nil
	}
	tm, err := eventpattern.ParseTemplate(*t.Template, t.Paths, predefined)
	if err != nil {
		return "", err
	}
	out, ok := tm.Render(e, l.variable)
	if !ok {
		return "", &deliveryError{"INVALID_PARAMETER", "The input transformer makes more of the event than a target gets.", true}
	}
	if strings.HasPrefix(strings.TrimSpace(*t.Template), "{") && !json.Valid([]byte(out)) {
		return "", &deliveryError{"INVALID_JSON", "The input transformer makes no valid JSON of the event.", true}
	}
	return out, nil
}

// variable is the JSON of a predefined variable.
func (l *load) variable(name string) string {
	switch name {
	case varRuleARN:
		return quoted(l.ruleARN)
	case varRuleName:
		return quoted(l.target.Rule)
	case varIngested:
		return quoted(l.event.Ingested.UTC().Format(time.RFC3339))
	case varEvent:
		return withoutDetail(l.event.Body)
	}
	return l.event.Body
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always encodes
		return `""`
	}
	return string(b)
}

// withoutDetail is an event less its detail, which comes last in an envelope.
func withoutDetail(body string) string {
	var e envelope
	if json.Unmarshal([]byte(body), &e) != nil {
		return "{}"
	}
	e.Detail = nil
	out, err := e.marshal()
	if err != nil {
		return "{}"
	}
	return string(out)
}
