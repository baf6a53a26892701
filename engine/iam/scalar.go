package iam

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// parseNumber reads an integer or a decimal fraction, but none of the other
// forms that Go knows.
func parseNumber(s string) (float64, bool) {
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

func parseBool(s string) (truth, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	default:
		return false, false
	}
}

// parsePrefix reads an address, or a network in CIDR notation.
func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

// timeForms are the profiles of ISO 8601 in the W3C's note "Date and Time
// Formats", from the finest to the coarsest; AWS also takes a time without a zone.
var timeForms = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02", "2006-01", "2006",
}

// parseTime reads an ISO 8601 date, or a number of seconds since 1970. Four
// digits are a year.
func parseTime(s string) (time.Time, bool) {
	if len(s) != 4 && strings.Trim(s, "-0123456789") == "" {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return time.Unix(n, 0), true
		}
	}
	s = strings.ToUpper(s) // 't' and 'z' are as good as 'T' and 'Z'
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
