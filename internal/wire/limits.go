package wire

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// limits are a shape's constraints, and AWS's words for each.
type limits struct {
	min, max         float64
	hasMin, hasMax   bool
	minText, maxText string
	// pattern is compiled when it is first needed: thousands are known, and few used.
	pattern func() *regexp.Regexp
	enum    []string // sorted
	words   struct{ min, max, pattern, enum string }
}

// limitsOf returns a shape's constraints, or nil if it has none.
func limitsOf(s *model.Shape) *limits {
	if s.Min == "" && s.Max == "" && s.Pattern == "" && len(s.Enum) == 0 {
		return nil
	}
	l := &limits{}
	measure := "length"
	if isNumber(s.Kind) {
		measure = "value"
	}
	// Bounds that are no numbers do not exist in AWS's models.
	l.min, l.hasMin = bound(s.Min)
	l.max, l.hasMax = bound(s.Max)
	l.words.min = "Member must have " + measure + " greater than or equal to " + s.Min
	l.words.max = "Member must have " + measure + " less than or equal to " + s.Max
	if s.Pattern != "" {
		l.words.pattern = "Member must satisfy regular expression pattern: " + s.Pattern
		l.pattern = sync.OnceValue(func() *regexp.Regexp {
			re, err := translate(s.Pattern)
			if err != nil {
				return nil // a test names the patterns that RE2 cannot express
			}
			return re
		})
	}
	if len(s.Enum) > 0 {
		l.words.enum = "Member must satisfy enum value set: [" + strings.Join(s.Enum, ", ") + "]"
		l.enum = slices.Sorted(slices.Values(s.Enum))
	}
	return l
}

func bound(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func isNumber(k model.Kind) bool {
	return k == model.Integer || k == model.Long || k == model.Float || k == model.Double
}

// measure calls fail with the words of each bound that a length or a number is outside of.
func (l *limits) measure(size float64, fail func(words string)) {
	if l.hasMax && size > l.max {
		fail(l.words.max)
	}
	if l.hasMin && size < l.min {
		fail(l.words.min)
	}
}

// text calls fail with the words of each constraint that a string breaks.
func (l *limits) text(s string, size int, fail func(words string)) {
	l.measure(float64(size), fail)
	if l.pattern != nil {
		if re := l.pattern(); re != nil && !re.MatchString(s) {
			fail(l.words.pattern)
		}
	}
	if l.enum != nil {
		if _, ok := slices.BinarySearch(l.enum, s); !ok {
			fail(l.words.enum)
		}
	}
}
