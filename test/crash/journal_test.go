package crash_test

import (
	"maps"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// gone is the value of what was deleted.
const gone = ""

// A journal is what a client knows of the server's state from the answers it
// got. An entry is taken out before a call that changes it and put back when
// the call is acknowledged: what is not in it may be either way.
type journal struct {
	keys    map[string]entries // tags by key id
	aliases entries            // key id by alias
	users   entries            // ARN by name
	sealed  []sealed
	calls   []call
}

// entries are values by name; gone is the value of what must not be there.
type entries map[string]string

// A sealed is a ciphertext and what must come out of it.
type sealed struct {
	keyID, plaintext string
	ciphertext       []byte
}

// A call is one that was acknowledged.
type call struct {
	event, requestID string
	write            bool
}

func newJournal() *journal {
	return &journal{keys: map[string]entries{}, aliases: entries{}, users: entries{}}
}

// add takes over another journal. No two name the same thing.
func (j *journal) add(other *journal) {
	maps.Copy(j.keys, other.keys)
	maps.Copy(j.aliases, other.aliases)
	maps.Copy(j.users, other.users)
	j.sealed = append(j.sealed, other.sealed...)
	j.calls = append(j.calls, other.calls...)
}

// wrote notes an acknowledged write.
func (j *journal) wrote(event string, answer middleware.Metadata) {
	j.note(event, answer, true)
}

func (j *journal) note(event string, answer middleware.Metadata, write bool) {
	id, _ := awsmiddleware.GetRequestIDMetadata(answer)
	j.calls = append(j.calls, call{event: event, requestID: id, write: write})
}
