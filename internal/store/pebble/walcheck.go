package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/store"
)

// The library takes a broken record in the log's last block for the torn end of
// a crash, although records behind it may be whole and acknowledged. This check
// comes before it and knows better: each chunk tells how far the log had been
// synced when it was written (the library's record package, "WAL sync format"),
// so a break before a place that a later chunk calls synced is damage.
//
// What it can't know is a break in the very last records, after which nothing
// was written: that is a torn end, and is cut off.
const (
	walBlock      = 32 << 10
	walHeader     = 19 // crc 4, length 2, type 1, log 4, synced 8
	walTrailer    = 11 // a header without the last field, of the next log's number
	walFirstType  = 9
	walLastType   = 12
	walOldestType = 5
)

// checkLog reads the newest log. Older ones must end cleanly, which the library sees to.
func (e *Engine) checkLog() error {
	name, number, err := e.newestLog()
	if err != nil || name == "" {
		return err
	}
	b, err := readFile(e.fs, e.fs.PathJoin(e.dir, name))
	if err != nil {
		return err
	}
	if at, damaged := logDamage(b, number); damaged {
		return fmt.Errorf("%w: file %s has a broken record at byte %d, before whole ones", store.ErrCorrupt, name, at)
	}
	return nil
}

func (e *Engine) newestLog() (name string, number uint32, err error) {
	names, err := e.fs.List(e.dir)
	if err != nil {
		return "", 0, err
	}
	for _, n := range names {
		digits, ok := strings.CutSuffix(n, ".log")
		if v, err := strconv.ParseUint(digits, 10, 32); ok && err == nil && (name == "" || uint32(v) > number) {
			name, number = n, uint32(v)
		}
	}
	return name, number, nil
}

func readFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// logDamage returns where the log breaks off, and whether that place was synced.
func logDamage(b []byte, number uint32) (at int, damaged bool) {
	for {
		if len(b)-at < walTrailer || onlyPadding(b, at) {
			next := (at/walBlock + 1) * walBlock
			if next >= len(b) {
				return at, false
			}
			at = next
			continue
		}
		n, _, ok := walChunk(b, at, number)
		if !ok {
			break
		}
		at += n
	}
	if _, _, end := walChunk(b, at, number+1); end {
		return at, false
	}
	for i := at + 1; i+walHeader <= len(b); i++ {
		if _, synced, ok := walChunk(b, i, number); ok && synced > uint64(at) {
			return at, true
		}
	}
	return at, false
}

// onlyPadding reports whether what is left of the block has no room for a chunk.
func onlyPadding(b []byte, at int) bool {
	left := walBlock - at%walBlock
	if left >= walHeader || at+left > len(b) {
		return false
	}
	for _, c := range b[at : at+left] {
		if c != 0 {
			return false
		}
	}
	return true
}

// walChunk returns a chunk's length and what it tells to be synced. It is not ok
// unless the chunk is whole, of this log and unchanged.
func walChunk(b []byte, at int, number uint32) (n int, synced uint64, ok bool) {
	if at+walTrailer > len(b) || binary.LittleEndian.Uint32(b[at+7:]) != number {
		return 0, 0, false
	}
	kind, head := b[at+6], walTrailer
	if kind < walOldestType || kind > walLastType {
		return 0, 0, false
	}
	if kind >= walFirstType {
		if head = walHeader; at+head > len(b) {
			return 0, 0, false
		}
		synced = binary.LittleEndian.Uint64(b[at+walTrailer:])
	}
	n = head + int(binary.LittleEndian.Uint16(b[at+4:]))
	if n > walBlock-at%walBlock || at+n > len(b) {
		return 0, 0, false
	}
	return n, synced, binary.LittleEndian.Uint32(b[at:]) == maskedCRC(b[at+6:at+n])
}

func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}
