package sqs

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// zero tells whether the request gives a number, which the caller knows to be zero:
// the SDK's types have the same zero for a number that is not given at all. A call
// made in process gives none.
func zero(ctx context.Context, name string) bool {
	body := wire.CallFrom(ctx).Body
	if !bytes.Contains(body, []byte(name)) {
		return false
	}
	if body[0] != '{' {
		return inForm(body, name)
	}
	var members map[string]json.RawMessage
	return json.Unmarshal(body, &members) == nil && isZero(members[name])
}

// zeroDelay is zero for the delay of a batch's entry.
func zeroDelay(ctx context.Context, i int) bool {
	const name = "DelaySeconds"
	body := wire.CallFrom(ctx).Body
	if !bytes.Contains(body, []byte(name)) {
		return false
	}
	if body[0] != '{' {
		return inForm(body, "SendMessageBatchRequestEntry."+strconv.Itoa(i+1)+"."+name)
	}
	var in struct{ Entries []map[string]json.RawMessage }
	return json.Unmarshal(body, &in) == nil && i < len(in.Entries) && isZero(in.Entries[i][name])
}

func isZero(raw json.RawMessage) bool { return string(raw) == "0" }

func inForm(body []byte, name string) bool {
	return bytes.Contains(append([]byte("&"), body...), []byte("&"+name+"="))
}
