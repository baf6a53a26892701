package wire

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A timeFormat is one of the three ways to write a timestamp (Smithy 2.0,
// "timestampFormat trait"). The zero value leaves it to the protocol.
type timeFormat uint8

const (
	protocolTime timeFormat = iota
	epochTime
	isoTime
	httpTime
)

// timeFormatOf takes the first name that is set: a member's goes before its shape's.
func timeFormatOf(names ...string) timeFormat {
	for _, name := range names {
		switch name {
		case "unixTimestamp":
			return epochTime
		case "iso8601":
			return isoTime
		case "rfc822":
			return httpTime
		}
	}
	return protocolTime
}

// or returns f, or the protocol's own where f leaves it open.
func (f timeFormat) or(own timeFormat) timeFormat {
	if f == protocolTime {
		return own
	}
	return f
}

const isoLayout = "2006-01-02T15:04:05.999Z"

// appendTime writes t to the millisecond, as AWS does.
func appendTime(dst []byte, f timeFormat, t time.Time) []byte {
	t = t.UTC()
	switch f {
	case isoTime:
		return t.AppendFormat(dst, isoLayout)
	case httpTime:
		return t.AppendFormat(dst, http.TimeFormat)
	default:
		return appendEpoch(dst, t)
	}
}

func appendEpoch(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	if frac := ms % 1000; frac != 0 {
		dst = append(dst, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}

// maxEpoch bounds seconds to years that every format can write.
const maxEpoch = 253402300799 // 9999-12-31T23:59:59Z

func parseEpoch(s string) (time.Time, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("timestamp: %w", err)
	}
	return epochOf(f)
}

func epochOf(f float64) (time.Time, error) {
	if math.IsNaN(f) || f > maxEpoch || f < -maxEpoch {
		return time.Time{}, fmt.Errorf("timestamp out of range")
	}
	return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), nil
}

// parseTime reads a timestamp outside JSON. AWS takes any of the formats where
// it is text, so the format only decides what is tried first.
func parseTime(f timeFormat, s string) (time.Time, error) {
	if f == httpTime {
		if t, err := http.ParseTime(s); err == nil {
			return t.UTC(), nil
		}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z", "2006-01-02", "20060102T150405Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	if strings.Trim(s, "0123456789.-") == "" && s != "" {
		return parseEpoch(s)
	}
	t, err := http.ParseTime(s)
	return t.UTC(), err
}
