package store

import (
	"fmt"
	"strings"

	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

// A Key is an ordered tuple, written by package tuple. Keys compare as bytes.
type Key []byte

// K makes a key of its parts: string, []byte, int, int64, uint64, bool, time.Time,
// or a Key, whose parts are then joined in. The first part is by convention the
// account id. It panics on any other type, which only a wrong program can ask for.
func K(parts ...any) Key {
	k := make(Key, 0, 64)
	for _, p := range parts {
		k = appendPart(k, p)
	}
	return k
}

// KPrefix makes a prefix for a Range of which the last part, a string, need only
// be the beginning: KPrefix(account, "photos/") covers K(account, "photos/1").
func KPrefix(parts ...any) Key {
	k := K(parts...)
	if len(parts) == 0 {
		return k
	}
	if _, ok := parts[len(parts)-1].(string); !ok {
		panic(fmt.Sprintf("store: the last part of a prefix is a %T, not a string", parts[len(parts)-1]))
	}
	return k[:len(k)-1] // without the string's end mark
}

func appendPart(k Key, p any) Key {
	if joined, ok := p.(Key); ok {
		return append(k, joined...)
	}
	k, err := tuple.Append(k, p)
	if err != nil {
		panic(err)
	}
	return k
}

// String shows the parts for messages and logs.
func (k Key) String() string {
	parts, err := tuple.Decode(k)
	if err != nil {
		return fmt.Sprintf("%x", []byte(k))
	}
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('/')
		}
		fmt.Fprint(&b, p)
	}
	return b.String()
}

// Every engine key begins with a byte that says which space it lies in.
const (
	spaceMeta   = 'm' // header and data keys
	spaceRow    = 't' // table, key
	spaceIndex  = 'i' // table, index, index key, separator, key
	spaceExpiry = 'x' // time, table, separator, key
	spaceChange = 'c' // revision
)

// firstPart returns the encoded first element of k, all of k where there is none.
func firstPart(k Key) string {
	n, err := tuple.Next(k)
	if err != nil {
		return string(k)
	}
	return string(k[:n])
}

// spaceKey returns the prefix of a space, named further by parts.
func spaceKey(space byte, parts ...any) []byte {
	k := append(make(Key, 0, 96), space)
	for _, p := range parts {
		k = appendPart(k, p)
	}
	return k
}
