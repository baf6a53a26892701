package model

import (
	"fmt"
	"iter"
	"strings"
)

// A Table is one service's operations and shapes. It keeps no state but the
// text it reads, so a service of a thousand shapes costs nothing until one is
// asked for. It is safe for concurrent use.
type Table struct {
	Metadata
	operations, shapes section
}

// Lookup returns the table of the service with that SDK package name.
func Lookup(name string) (*Table, bool) {
	text, ok := tables[name]
	if !ok {
		return nil, false
	}
	t, err := ParseTable(text)
	if err != nil {
		// The table was written by the generator, which reads back what it writes.
		panic(fmt.Sprintf("model: table %s: %v", name, err))
	}
	return t, true
}

// Names yields the services that have a table, in no order.
func Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range tables {
			if !yield(name) {
				return
			}
		}
	}
}

// ParseTable reads the head of a table's text. Lines are read when they are
// asked for; a malformed line is a panic then, as tables are part of the binary.
func ParseTable(text string) (*Table, error) {
	parts := strings.SplitN(text, "\n\n", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d parts, want a head, operations and shapes", len(parts))
	}
	t := &Table{operations: section(parts[1]), shapes: section(parts[2])}
	return t, t.parse(parts[0])
}

// Operation returns the operation of that name.
func (t *Table) Operation(name string) (*Operation, bool) {
	line, ok := t.operations.find(name)
	if !ok {
		return nil, false
	}
	return must(parseOperation(line)), true
}

// HasOperation tells whether AWS's model has an operation of that name.
func (t *Table) HasOperation(name string) bool {
	_, ok := t.operations.find(name)
	return ok
}

// Operations yields all operations, sorted by name.
func (t *Table) Operations() iter.Seq[*Operation] {
	return func(yield func(*Operation) bool) {
		for line := range strings.Lines(string(t.operations)) {
			if !yield(must(parseOperation(strings.TrimSuffix(line, "\n")))) {
				return
			}
		}
	}
}

// Shape returns the shape of that name.
func (t *Table) Shape(name string) (*Shape, bool) {
	line, ok := t.shapes.find(name)
	if !ok {
		return nil, false
	}
	return must(parseShape(line)), true
}

// Shapes yields all shapes, sorted by name.
func (t *Table) Shapes() iter.Seq[*Shape] {
	return func(yield func(*Shape) bool) {
		for line := range strings.Lines(string(t.shapes)) {
			if !yield(must(parseShape(strings.TrimSuffix(line, "\n")))) {
				return
			}
		}
	}
}

func must[T any](v *T, err error) *T {
	if err != nil {
		panic("model: " + err.Error())
	}
	return v
}

// A section is a list of lines sorted by their first field.
type section string

// find searches the text itself: a search reads some twenty lines, where an
// index of EC2 would hold five thousand.
func (s section) find(name string) (string, bool) {
	text := string(s)
	for len(text) > 0 {
		mid := strings.LastIndexByte(text[:len(text)/2], '\n') + 1
		line, rest, _ := strings.Cut(text[mid:], "\n")
		key, _, _ := strings.Cut(line, "\t")
		switch strings.Compare(name, key) {
		case 0:
			return line, true
		case -1:
			text = text[:mid]
		default:
			text = rest
		}
	}
	return "", false
}
