package runtime

import (
	"context"
	"encoding/json"
	"time"
)

// A Function is what an environment is made of. It does not change: a change is
// another ID.
type Function struct {
	// ID tells functions apart: environments are used for the very ID only.
	ID string
	// Runtime is Lambda's name for it, such as "python3.13"; see Supports.
	Runtime, Handler string
	// Memory is in MB and Timeout how long one invocation may take.
	Memory  int
	Timeout time.Duration
	// Storage is what a file in the function's own temporary directory may grow to,
	// in MB.
	Storage int
	// Start is asked whenever an environment is about to be started.
	Start func(ctx context.Context, name string) (*Setup, error)
}

// A Setup is what an environment is started with. Its name, which Start is given,
// is 32 hexadecimal digits.
type Setup struct {
	// Zip is the deployment package.
	Zip []byte
	// Env is the environment, without what this package sets itself.
	Env []string
	// Good is how long its credentials serve; a warm environment is not used after.
	Good time.Time
	// Log takes what the function and the platform have to say.
	Log Log
	// Version is the function's version, for the log.
	Version string
}

// A Log takes lines, in order, one call at a time.
type Log interface {
	// Write takes one line without its end. at is of Config.Clock.
	Write(at time.Time, line []byte)
	// Close is called when no line will follow.
	Close()
}

// An Invocation is one event for a function.
type Invocation struct {
	RequestID string
	Payload   []byte
	// ARN is what the caller named; Trace and ClientContext are passed on.
	ARN, Trace, ClientContext string
}

// A Result is what came of an invocation.
type Result struct {
	Payload []byte
	// Error is "Unhandled" where the function failed, empty otherwise.
	Error string
	// Tail is the end of what was logged, up to 4 KB.
	Tail []byte

	// kind and cause are what the log says of a failure that was not the function's
	// own word; platform tells that it was not.
	kind, cause string
	platform    bool
}

// unhandled is the only error that today's runtimes know.
const unhandled = "Unhandled"

// timedOut is how AWS calls an invocation that took too long.
const timedOut = "Sandbox.Timedout"

// failure is a result by the platform's word.
func failure(kind, requestID, cause string) *Result {
	message := "Error: " + cause
	if requestID != "" {
		message = "RequestId: " + requestID + " " + message
	}
	payload, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	if err != nil {
		panic(err) // strings are always marshaled
	}
	return &Result{Payload: payload, Error: unhandled, kind: kind, cause: cause, platform: true}
}

// Limits of the runtime API (Lambda Developer Guide, "Lambda quotas").
const (
	// MaxPayload is the longest payload of a synchronous invocation, and of its answer.
	MaxPayload = 6 << 20
	// maxAnswer has room for the envelope, as AWS's own words say.
	maxAnswer = MaxPayload + 100
	maxTail   = 4 << 10
)
