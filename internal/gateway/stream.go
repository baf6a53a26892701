package gateway

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// patience makes the request's body one that must come along: a client that sends it
// drop by drop is cut off when a read brings nothing for bodyTimeout.
func (x *exchange) patience() {
	if x.r.Body != nil && x.r.Body != http.NoBody {
		x.r.Body = &patientBody{ReadCloser: x.r.Body, conn: http.NewResponseController(x.w), wall: x.g.Wall}
	}
}

// A patientBody gives each read of a body its own deadline.
type patientBody struct {
	io.ReadCloser
	conn *http.ResponseController
	wall clock.Clock
}

// Read implements io.Reader.
func (b *patientBody) Read(p []byte) (int, error) {
	// What cannot have a deadline is no connection.
	timed := b.conn.SetReadDeadline(b.wall.Now().Add(bodyTimeout)) == nil
	n, err := b.ReadCloser.Read(p)
	if err != nil && timed {
		err = errors.Join(err, b.conn.SetReadDeadline(time.Time{}))
		if errors.Is(err, io.EOF) {
			err = io.EOF // readers compare it
		}
	}
	return n, err
}
