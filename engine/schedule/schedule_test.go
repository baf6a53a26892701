package schedule_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/schedule"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	out, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mustParse(t *testing.T, text string) *schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// TestNext is AWS's examples and the corners of its grammar.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ expression, after, want string }{
		{"cron(0 10 * * ? *)", "2026-01-01 10:00:00", "2026-01-02 10:00:00"},
		{"cron(15 12 * * ? *)", "2026-01-01 12:14:59", "2026-01-01 12:15:00"},
		{"cron(0 18 ? * MON-FRI *)", "2026-01-02 18:00:00", "2026-01-05 18:00:00"},
		{"cron(0 8 1 * ? *)", "2026-01-31 09:00:00", "2026-02-01 08:00:00"},
		{"cron(0/15 * * * ? *)", "2026-01-01 00:45:00", "2026-01-01 01:00:00"},
		{"cron(0/10 * ? * MON-FRI *)", "2026-01-02 23:50:00", "2026-01-05 00:00:00"},
		{"cron(0/5 8-17 ? * MON-FRI *)", "2026-01-05 17:55:00", "2026-01-06 08:00:00"},
		{"cron(30 9 L-1 * ? *)", "", ""},
		{"cron(0 0 L * ? *)", "2028-02-01 00:00:00", "2028-02-29 00:00:00"},
		{"cron(0 0 15W * ? *)", "2026-02-01 00:00:00", "2026-02-16 00:00:00"}, // a Sunday
		{"cron(0 0 1W * ? *)", "2026-07-31 00:00:00", "2026-08-03 00:00:00"},  // a Saturday
		{"cron(0 0 31W * ? *)", "2026-05-01 00:00:00", "2026-05-29 00:00:00"}, // a Sunday
		{"cron(0 0 ? * 6L *)", "2026-01-01 00:00:00", "2026-01-30 00:00:00"},
		{"cron(0 0 ? * L *)", "2026-01-01 00:00:00", "2026-01-03 00:00:00"},
		{"cron(0 0 ? * 3#2 *)", "2026-01-01 00:00:00", "2026-01-13 00:00:00"},
		{"cron(0 0 ? * TUE#5 *)", "2026-01-01 00:00:00", "2026-03-31 00:00:00"},
		{"cron(0 0 29 FEB ? *)", "2026-01-01 00:00:00", "2028-02-29 00:00:00"},
		{"cron(0 0 1 1 ? 2030-2040/5)", "2026-01-01 00:00:00", "2030-01-01 00:00:00"},
		{"cron(0 0 1,15 jan,jul ? *)", "2026-01-15 00:00:00", "2026-07-01 00:00:00"},
		{"cron(0 0 31 4 ? *)", "2026-01-01 00:00:00", "never"},
		{"cron(0 0 1 1 ? 1999)", "2026-01-01 00:00:00", "never"},
		{"cron(59 23 31 12 ? 2199)", "2026-01-01 00:00:00", "2199-12-31 23:59:00"},
		{"rate(5 minutes)", "2026-01-01 00:05:00", "2026-01-01 00:10:00"},
		{"rate(1 hour)", "2025-12-31 00:00:00", "2026-01-01 00:00:00"},
		{"rate(10 days)", "2026-01-30 23:59:59", "2026-01-31 00:00:00"},
		{"at(2026-11-20T13:00:00)", "2026-11-20 12:59:59", "2026-11-20 13:00:00"},
		{"at(2026-11-20T13:00:00)", "2026-11-20 13:00:00", "never"},
	} {
		if tt.want == "" {
			if s, err := schedule.Parse(tt.expression); err == nil {
				t.Errorf("%s is %v, want it refused", tt.expression, s)
			}
			continue
		}
		got := "never"
		if next, ok := mustParse(t, tt.expression).Next(at(t, tt.after), at(t, "2026-01-01 00:00:00")); ok {
			got = next.Format("2006-01-02 15:04:05")
		}
		if got != tt.want {
			t.Errorf("%s after %s = %s, want %s", tt.expression, tt.after, got, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "cron", "cron()", "rate()", "cron(0 0 * * ? *", "cron(0 0 * * ? *) ", " cron(0 0 * * ? *)", "CRON(0 0 * * ? *)",
		"cron(0 0 * * * *)", "cron(0 0 ? * ? *)", "cron(0 0 * * ?)", "cron(0 0 * * ? * *)", "cron(60 0 * * ? *)", "cron(0 24 * * ? *)",
		"cron(0 0 0 * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 * 13 ? *)", "cron(0 0 ? * 8 *)", "cron(0 0 ? * 0 *)", "cron(0 0 * * ? 1969)",
		"cron(0 0 * * ? 2200)", "cron(0 0 ? * 3#6 *)", "cron(0 0 ? * 3#0 *)", "cron(0 0 ? * 3#1,4#1 *)", "cron(5-1 0 * * ? *)", "cron(0/0 0 * * ? *)",
		"cron(0/60 0 * * ? *)", "cron(? 0 * * ? *)", "cron(0 L * * ? *)", "cron(, 0 * * ? *)", "cron(1, 0 * * ? *)", "cron(-1 0 * * ? *)", "cron(+1 0 * * ? *)",
		"cron(0 0 32W * ? *)", "cron(0 0 W * ? *)", "cron(0 0 1-5W * ? *)",
		"rate(0 days)", "rate(1 days)", "rate(2 day)", "rate(-1 days)", "rate(+1 day)", "rate(1 week)", "rate(1day)", "rate(1  day)", "rate(1.5 days)", "rate(36501 days)", "rate(99999999999999999999 days)",
		"at(2026-13-01T00:00:00)", "at(2026-02-30T00:00:00)", "at(2026-01-01)", "at(2026-01-01T00:00:00Z)", "at(2026-01-01T0:00:00)",
	} {
		if s, err := schedule.Parse(text); !errors.Is(err, schedule.ErrSyntax) {
			t.Errorf("%q = %v, %v; want it refused", text, s, err)
		}
	}
}

// TestZones crosses the ends of summer time: what the clocks skip does not happen,
// and what they show twice happens once.
func TestZones(t *testing.T) {
	t.Parallel()
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	s := mustParse(t, "cron(30 2 * * ? *)").In(york) // 2026-03-08 has no half past two
	next, _ := s.Next(at(t, "2026-03-07 08:00:00"), time.Time{})
	if got := next.Format(time.RFC3339); got != "2026-03-09T06:30:00Z" {
		t.Errorf("after the skipped hour: %s", got)
	}
	s = mustParse(t, "cron(30 1 * * ? *)").In(york) // 2026-11-01 has it twice
	first, _ := s.Next(at(t, "2026-11-01 00:00:00"), time.Time{})
	second, _ := s.Next(first, time.Time{})
	if d := second.Sub(first); first.In(york).Day() != 1 || d != 25*time.Hour && d != 24*time.Hour {
		t.Errorf("in the repeated hour: %v, then %v", first, second)
	}
	if _, ok := mustParse(t, "at(2026-03-08T02:30:00)").In(york).Next(at(t, "2026-01-01 00:00:00"), time.Time{}); ok {
		t.Error("an instant that the clocks skip came about")
	}
}

// naive judges one minute by an expression's text, part by part.
func naive(fields []string, t time.Time) bool {
	last := time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	plain := func(text string, v, low, high int) bool {
		return slices.ContainsFunc(strings.Split(text, ","), func(p string) bool {
			span, by, stepped := strings.Cut(p, "/")
			step, from, to := 1, low, high
			if stepped {
				step, _ = strconv.Atoi(by)
			}
			if span != "*" {
				a, b, ranged := strings.Cut(span, "-")
				from, _ = strconv.Atoi(a)
				switch {
				case ranged:
					to, _ = strconv.Atoi(b)
				case !stepped:
					to = from
				}
			}
			return v >= from && v <= to && (v-from)%step == 0
		})
	}
	dayFits := func() bool {
		switch p := fields[2]; {
		case p == "?":
			return true
		case p == "L":
			return t.Day() == last
		case strings.HasSuffix(p, "W"):
			n, _ := strconv.Atoi(p[:len(p)-1])
			best, far := 0, 99
			for d := 1; d <= last; d++ {
				w := time.Date(t.Year(), t.Month(), d, 0, 0, 0, 0, time.UTC).Weekday()
				if dist := max(d-n, n-d); n <= last && w != time.Saturday && w != time.Sunday && dist < far {
					best, far = d, dist
				}
			}
			return t.Day() == best
		default:
			return plain(p, t.Day(), 1, 31)
		}
	}
	weekFits := func() bool {
		w := int(t.Weekday()) + 1
		switch p := fields[4]; {
		case p == "?":
			return true
		case p == "L":
			return w == 7
		case strings.HasSuffix(p, "L"):
			return strconv.Itoa(w)+"L" == p && t.AddDate(0, 0, 7).Month() != t.Month()
		case strings.Contains(p, "#"):
			return fmt.Sprintf("%d#%d", w, (t.Day()+6)/7) == p
		default:
			return plain(p, w, 1, 7)
		}
	}
	return plain(fields[0], t.Minute(), 0, 59) && plain(fields[1], t.Hour(), 0, 23) && dayFits() &&
		plain(fields[3], int(t.Month()), 1, 12) && weekFits() && plain(fields[5], t.Year(), 1970, 2199)
}

func drawField(t *rapid.T, name string, low, high int, special ...string) string {
	v := rapid.IntRange(low, high)
	if len(special) > 0 && rapid.Bool().Draw(t, name+" special") {
		return rapid.SampledFrom(special).Draw(t, name)
	}
	switch a := v.Draw(t, name); rapid.IntRange(0, 4).Draw(t, name+" form") {
	case 0:
		return "*"
	case 1:
		return fmt.Sprintf("%d/%d", a, rapid.IntRange(1, high).Draw(t, name+" step"))
	case 2:
		return fmt.Sprintf("%d-%d", a, rapid.IntRange(a, high).Draw(t, name+" end"))
	case 3:
		return fmt.Sprintf("%d,%d", a, v.Draw(t, name+" second"))
	default:
		return strconv.Itoa(a)
	}
}

// TestNextIsWhatANaiveSearchFinds compares with the search of every minute.
func TestNextIsWhatANaiveSearchFinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fields := []string{
			drawField(t, "minute", 0, 59), drawField(t, "hour", 0, 23),
			drawField(t, "day", 1, 31, "L", "1W", "15W", "31W", "30W"), drawField(t, "month", 1, 12),
			"?", drawField(t, "year", 2026, 2027, "*"),
		}
		if rapid.Bool().Draw(t, "by week") {
			fields[2], fields[4] = "?", drawField(t, "week", 1, 7, "L", "6L", "1L", "3#2", "7#5")
		}
		text := "cron(" + strings.Join(fields, " ") + ")"
		s, err := schedule.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		after := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 366*86400).Draw(t, "after")) * time.Second)
		got, ok := s.Next(after, time.Time{})
		end := after.Add(70 * 24 * time.Hour)
		for m := after.Truncate(time.Minute).Add(time.Minute); m.Before(end); m = m.Add(time.Minute) {
			if !naive(fields, m) {
				continue
			}
			if !ok || !got.Equal(m) {
				t.Fatalf("%s after %v = %v, %v; want %v", text, after, got, ok, m)
			}
			return
		}
		if ok && got.Before(end) {
			t.Fatalf("%s after %v = %v, and that minute does not fit", text, after, got)
		}
	})
}

// FuzzParse holds the parser to what a schedule promises: what it takes has a next
// instant after the given one, or none.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"cron(0 10 ? * 6L 2026-2027)", "cron(0/5 8-17 1,15W * ? *)", "rate(5 minutes)", "at(2026-11-20T13:00:00)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := schedule.Parse(text)
		if err != nil {
			return
		}
		after := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
		next, ok := s.Next(after, after.AddDate(0, -1, 0))
		if ok && !next.After(after) {
			t.Errorf("%q: %v is not after %v", text, next, after)
		}
	})
}
