package schedule

import (
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// The years that a cron expression may name (EventBridge User Guide, "Cron
// expressions").
const (
	firstYear = 1970
	lastYear  = 2199
)

// A cron is the six fields of an expression. Either the days of the month count,
// or those of the week.
type cron struct {
	fields  [6]string
	minutes uint64
	hours   uint64
	months  uint64
	years   [(lastYear-firstYear)/64 + 1]uint64
	days    monthDays
	week    weekDays
}

// monthDays are the days of the month: by number, the last one, and the weekdays
// nearest to some.
type monthDays struct {
	any      bool // "?"
	set      uint64
	last     bool
	weekdays uint64 // nW
}

// weekDays are the days of the week, Sunday being 1: every week, the last of the
// month, or the nth of the month.
type weekDays struct {
	any  bool // "?"
	set  uint64
	last uint64 // nL
	day  int    // n#m; zero for none
	nth  int
}

// A field says which values a field may have, and what they are called.
type field struct {
	low, high int
	names     []string // of low, low+1, …
}

var (
	minuteField = field{low: 0, high: 59}
	hourField   = field{low: 0, high: 23}
	dayField    = field{low: 1, high: 31}
	monthField  = field{1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekField   = field{1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
	yearField   = field{low: firstYear, high: lastYear}
)

func parseCron(body string) (*Schedule, error) {
	parts := strings.Fields(body)
	c := &cron{}
	if len(parts) != len(c.fields) {
		return nil, ErrSyntax
	}
	copy(c.fields[:], parts)
	ok := each(parts[0], func(p string) bool { return minuteField.add(p, func(v int) { c.minutes |= 1 << v }) }) &&
		each(parts[1], func(p string) bool { return hourField.add(p, func(v int) { c.hours |= 1 << v }) }) &&
		c.days.parse(parts[2]) &&
		each(parts[3], func(p string) bool { return monthField.add(p, func(v int) { c.months |= 1 << v }) }) &&
		c.week.parse(parts[4]) &&
		each(parts[5], func(p string) bool { return yearField.add(p, c.addYear) })
	if !ok || c.days.any == c.week.any {
		return nil, ErrSyntax
	}
	return &Schedule{kind: Cron, cron: c, zone: time.UTC}, nil
}

// Fields are the six fields of a cron expression as they were written; of another
// schedule they are empty.
func (s *Schedule) Fields() (fields [6]string) {
	if s.cron != nil {
		fields = s.cron.fields
	}
	return fields
}

func (c *cron) addYear(y int) { c.years[(y-firstYear)/64] |= 1 << ((y - firstYear) % 64) }

func (c *cron) hasYear(y int) bool { return c.years[(y-firstYear)/64]>>((y-firstYear)%64)&1 == 1 }

// each reads what commas separate.
func each(text string, one func(string) bool) bool {
	for part := range strings.SplitSeq(text, ",") {
		if !one(part) {
			return false
		}
	}
	return true
}

// add reads "*", "5", "MON-FRI", "5/10", "*/10" or "0-30/10".
func (f field) add(text string, set func(int)) bool {
	span, by, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		var ok bool
		if step, ok = number(by); !ok || step < 1 || step > f.high {
			return false
		}
	}
	low, high, ok := f.span(span, stepped)
	if !ok {
		return false
	}
	for v := low; v <= high; v += step {
		set(v)
	}
	return true
}

// span reads what of a field comes before the step. One value with a step goes on
// to the end.
func (f field) span(text string, stepped bool) (low, high int, ok bool) {
	if text == "*" {
		return f.low, f.high, true
	}
	from, to, ranged := strings.Cut(text, "-")
	if low, ok = f.value(from); !ok {
		return 0, 0, false
	}
	switch {
	case ranged:
		high, ok = f.value(to)
	case stepped:
		high = f.high
	default:
		high = low
	}
	return low, high, ok && low <= high
}

func (f field) value(text string) (int, bool) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.low + i, true
		}
	}
	v, ok := number(text)
	return v, ok && v >= f.low && v <= f.high
}

// number reads digits, at most four.
func number(text string) (int, bool) {
	if text == "" || len(text) > 4 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

func (d *monthDays) parse(text string) bool {
	if text == "?" {
		d.any = true
		return true
	}
	return each(text, func(p string) bool {
		if p == "L" {
			d.last = true
			return true
		}
		if day, ok := strings.CutSuffix(p, "W"); ok {
			v, ok := dayField.value(day)
			d.weekdays |= 1 << v
			return ok
		}
		return dayField.add(p, func(v int) { d.set |= 1 << v })
	})
}

func (w *weekDays) parse(text string) bool {
	if text == "?" {
		w.any = true
		return true
	}
	if day, nth, ok := strings.Cut(text, "#"); ok { // only one such in the field
		var known, counted bool
		w.day, known = weekField.value(day)
		w.nth, counted = number(nth)
		return known && counted && w.nth >= 1 && w.nth <= 5
	}
	return each(text, func(p string) bool {
		if p == "L" { // the last day of the week
			w.set |= 1 << weekField.high
			return true
		}
		if day, ok := strings.CutSuffix(p, "L"); ok {
			v, ok := weekField.value(day)
			w.last |= 1 << v
			return ok
		}
		return weekField.add(p, func(v int) { w.set |= 1 << v })
	})
}

// next looks from year to minute for the first wall clock that fits.
func (c *cron) next(after time.Time, zone *time.Location) (time.Time, bool) {
	from := after.In(zone)
	start := time.Date(from.Year(), from.Month(), from.Day(), from.Hour(), from.Minute(), 0, 0, time.UTC)
	for y := max(from.Year(), firstYear); y <= lastYear; y++ {
		if !c.hasYear(y) {
			continue
		}
		for months := c.months; months != 0; months &= months - 1 {
			m := time.Month(bits.TrailingZeros64(months))
			if y == start.Year() && m < start.Month() {
				continue
			}
			if t, ok := c.inMonth(y, m, start, zone, after); ok {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// inMonth looks within one month. start is after's wall clock.
func (c *cron) inMonth(y int, m time.Month, start time.Time, zone *time.Location, after time.Time) (time.Time, bool) {
	for days := c.daysOf(y, m); days != 0; days &= days - 1 {
		d := bits.TrailingZeros64(days)
		today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		if today.AddDate(0, 0, 1).Before(start) {
			continue
		}
		for hours := c.hours; hours != 0; hours &= hours - 1 {
			for minutes := c.minutes; minutes != 0; minutes &= minutes - 1 {
				h, min := bits.TrailingZeros64(hours), bits.TrailingZeros64(minutes)
				wall := time.Date(y, m, d, h, min, 0, 0, time.UTC)
				if wall.Before(start) {
					continue
				}
				if t, ok := instant(time.Date(y, m, d, h, min, 0, 0, zone), wall); ok && t.After(after) {
					return t, true
				}
			}
		}
	}
	return time.Time{}, false
}

// daysOf are the days of a month that fit, as bits.
func (c *cron) daysOf(y int, m time.Month) uint64 {
	last := time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
	first := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC).Weekday()
	if c.week.any {
		return c.days.of(last, first)
	}
	return c.week.of(last, first)
}

func (d *monthDays) of(last int, first time.Weekday) uint64 {
	out := d.set & (1<<(last+1) - 1)
	if d.last {
		out |= 1 << last
	}
	for near := d.weekdays & (1<<(last+1) - 1); near != 0; near &= near - 1 {
		out |= 1 << nearestWeekday(bits.TrailingZeros64(near), last, first)
	}
	return out
}

// nearestWeekday is the day from Monday to Friday nearest to a day, in its month.
func nearestWeekday(day, last int, first time.Weekday) int {
	switch (int(first) + day - 1) % 7 {
	case int(time.Saturday):
		if day == 1 {
			return 3
		}
		return day - 1
	case int(time.Sunday):
		if day == last {
			return day - 2
		}
		return day + 1
	}
	return day
}

func (w *weekDays) of(last int, first time.Weekday) (out uint64) {
	for day := 1; day <= last; day++ {
		weekday := (int(first)+day-1)%7 + 1
		nth := (day-1)/7 + 1
		if w.set>>weekday&1 == 1 || w.last>>weekday&1 == 1 && day+7 > last || w.day == weekday && w.nth == nth {
			out |= 1 << day
		}
	}
	return out
}
