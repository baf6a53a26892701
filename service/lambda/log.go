package lambda

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const (
	// batch and batchBytes bound one PutLogEvents (CloudWatch Logs API Reference).
	batch      = 10_000
	batchBytes = 1 << 20
	eventBytes = 26 // what an event costs beside its message
	// maxHeld is what waits to be shipped before a function that says more has to wait.
	maxHeld = 4 << 20
	// shipTime bounds one call, so that a stop of the server is not held up.
	shipTime = 5 * time.Second
)

// A shipper sends an environment's lines to CloudWatch Logs, as the execution role:
// a role that may not gets no logs.
type shipper struct {
	logs          Logs
	role          aws.Credentials
	group, stream string

	mu     sync.Mutex // guards the fields below
	moved  *sync.Cond
	held   []logtypes.InputLogEvent
	bytes  int
	closed bool
}

// ship starts a shipper; Run waits for it.
func (s *Service) ship(role aws.Credentials, group, stream string) *shipper {
	h := &shipper{logs: s.Logs, role: role, group: group, stream: stream}
	h.moved = sync.NewCond(&h.mu)
	s.shipping.Go(h.run)
	return h
}

// Write implements runtime.Log.
func (h *shipper) Write(at time.Time, line []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.bytes > maxHeld && !h.closed {
		h.moved.Wait()
	}
	h.held = append(h.held, logtypes.InputLogEvent{Timestamp: aws.Int64(at.UnixMilli()), Message: aws.String(string(line))})
	h.bytes += len(line) + eventBytes
	h.moved.Broadcast()
}

// Close implements runtime.Log.
func (h *shipper) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.moved.Broadcast()
}

// next waits for lines, and returns as many as one call takes; none at the end.
func (h *shipper) next() []logtypes.InputLogEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.held) == 0 && !h.closed {
		h.moved.Wait()
	}
	n, size := 0, 0
	for n < len(h.held) && n < batch {
		if size += len(*h.held[n].Message) + eventBytes; size > batchBytes {
			size -= len(*h.held[n].Message) + eventBytes
			break
		}
		n++
	}
	out := h.held[:n:n]
	h.held = h.held[n:]
	h.bytes -= size
	h.moved.Broadcast()
	return out
}

// run ships until the environment has ended. Lines that are refused are lost, as
// they are at AWS.
func (h *shipper) run() {
	opened, refusedOnce := false, false
	for lines := h.next(); len(lines) > 0; lines = h.next() {
		if refusedOnce {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), shipTime)
		if !opened {
			opened, refusedOnce = h.open(ctx)
		}
		if opened {
			err := h.logs.PutLogEvents(ctx, h.role, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &h.group, LogStreamName: &h.stream, LogEvents: lines})
			_, _, refusedOnce = refused(err)
		}
		cancel()
	}
}

// open makes the stream, and the group where there is none and the role may.
func (h *shipper) open(ctx context.Context) (opened, no bool) {
	stream := &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &h.group, LogStreamName: &h.stream}
	err := h.logs.CreateLogStream(ctx, h.role, stream)
	if _, missing := errors.AsType[*logtypes.ResourceNotFoundException](err); missing {
		err = h.logs.CreateLogGroup(ctx, h.role, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &h.group})
		if _, there := errors.AsType[*logtypes.ResourceAlreadyExistsException](err); there || err == nil {
			err = h.logs.CreateLogStream(ctx, h.role, stream)
		}
	}
	_, _, no = refused(err)
	return err == nil, no
}
