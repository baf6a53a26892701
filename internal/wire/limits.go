package wire

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// limits are a shape's constraints. AWS's words for them are put together when
// one is broken, and patterns compiled when one is first needed: thousands are
// known, and few used.
type limits struct {
	shape          *model.Shape
	min, max       float64
	hasMin, hasMax bool
	pattern        func() *regexp.Regexp
}

// limitsOf returns a shape's constraints, or nil if it has none.
func limitsOf(s *model.Shape) *limits {
	if s.Min == "" && s.Max == "" && s.Pattern == "" && len(s.Enum) == 0 {
		return nil
	}
	l := &limits{shape: s}
	l.min, l.hasMin = bound(s.Min)
	l.max, l.hasMax = bound(s.Max)
	if s.Pattern != "" {
		l.pattern = sync.OnceValue(func() *regexp.Regexp {
			re, err := translate(s.Pattern)
			if err != nil {
				return nil // a test names the patterns that RE2 cannot express
			}
			return re
		})
	}
	return l
}

// bound reads a bound; what is no number is none.
func bound(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// measure calls fail with the words of each bound that a length or a number is
// outside of.
func (l *limits) measure(size float64, fail func(words string)) {
	if l.hasMax && size > l.max {
		fail("Member must have " + l.noun() + " less than or equal to " + l.shape.Max)
	}
	if l.hasMin && size < l.min {
		fail("Member must have " + l.noun() + " greater than or equal to " + l.shape.Min)
	}
}

// noun is what a bound is on.
func (l *limits) noun() string {
	switch l.shape.Kind {
	case model.Integer, model.Long, model.Float, model.Double:
		return "value"
	default:
		return "length"
	}
}

// text calls fail with the words of each constraint that a string of that length
// breaks.
func (l *limits) text(s string, size int, fail func(words string)) {
	l.measure(float64(size), fail)
	if l.pattern != nil {
		if re := l.pattern(); re != nil && !re.MatchString(s) {
			fail(patternWords + l.shape.Pattern)
		}
	}
	if l.shape.Enum != nil && !slices.Contains(l.shape.Enum, s) {
		fail("Member must satisfy enum value set: [" + strings.Join(l.shape.Enum, ", ") + "]")
	}
}

const patternWords = "Member must satisfy regular expression pattern: "
