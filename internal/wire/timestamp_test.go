package wire

import (
	"testing"
	"time"
)

func TestTimestamps(t *testing.T) {
	t.Parallel()
	whole := time.Date(2026, 3, 9, 17, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		format timeFormat
		time   time.Time
		want   string
	}{
		{epochTime, whole, "1773075845"},
		{epochTime, whole.Add(50 * time.Millisecond), "1773075845.05"},
		{epochTime, time.UnixMilli(-1500), "-1.5"},
		{epochTime, time.UnixMilli(-500), "-0.5"},
		{isoTime, whole, "2026-03-09T17:04:05Z"},
		{isoTime, whole.Add(50 * time.Millisecond), "2026-03-09T17:04:05.05Z"},
		{isoTime, whole.In(time.FixedZone("", 3600)), "2026-03-09T17:04:05Z"},
		{httpTime, whole, "Mon, 09 Mar 2026 17:04:05 GMT"},
	} {
		got := string(appendTime(nil, tt.format, tt.time))
		if got != tt.want {
			t.Errorf("%v in format %d = %q, want %q", tt.time, tt.format, got, tt.want)
		}
		if back, err := parseTime(tt.format, got); err != nil || !back.Equal(tt.time) {
			t.Errorf("%q reads back as %v, %v, want %v", got, back, err, tt.time)
		}
	}
	for _, s := range []string{"", "yesterday", "2026-13-01T00:00:00Z", "1e999", "--", "999999999999999"} {
		if got, err := parseTime(isoTime, s); err == nil {
			t.Errorf("%q is taken for %v", s, got)
		}
	}
}
