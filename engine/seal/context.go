package seal

import (
	"encoding/binary"
	"maps"
	"slices"
)

// AppendContext appends the canonical form of an encryption context: the number
// of pairs, then each pair in the order of its key's bytes, key and value each
// behind its length. All numbers are four bytes, big-endian. No two contexts
// share a form; nil and empty are the same context.
func AppendContext(b []byte, context map[string]string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(context))) //nolint:gosec // a request's body bounds it
	if len(context) == 0 {
		return b
	}
	for _, k := range slices.Sorted(maps.Keys(context)) {
		b = appendString(b, k)
		b = appendString(b, context[k])
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) //nolint:gosec // a request's body bounds it
}

func contextSize(context map[string]string) int {
	n := 4
	for k, v := range context {
		n += 8 + len(k) + len(v)
	}
	return n
}
