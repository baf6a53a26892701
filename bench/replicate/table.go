package main

import (
	"fmt"
	"slices"
	"time"
)

func heading() string {
	return fmt.Sprintf("%-28s %6s  %-19s %-19s %-19s %s", "p50, p99 of", "keys", "ReplicateKey", "answer to use", "call to use", "bar 1s")
}

// line sums up what replicas took.
func line(title string, all []replica) string {
	var call, after, whole []time.Duration
	for _, r := range all {
		call, after, whole = append(call, r.call), append(after, r.after), append(whole, r.call+r.after)
	}
	verdict := "met"
	if _, p99 := percentiles(after); p99 > bar {
		verdict = "MISSED"
	}
	return fmt.Sprintf("%-28s %6d  %-19s %-19s %-19s %s", title, len(all), both(call), both(after), both(whole), verdict)
}

func both(d []time.Duration) string {
	p50, p99 := percentiles(d)
	return p50.Round(10*time.Microsecond).String() + ", " + p99.Round(10*time.Microsecond).String()
}

// percentiles are nearest-rank: the p99 of fewer than a hundred is the largest.
func percentiles(d []time.Duration) (p50, p99 time.Duration) {
	s := slices.Sorted(slices.Values(d))
	rank := func(percent int) time.Duration { return s[(len(s)*percent+99)/100-1] }
	return rank(50), rank(99)
}
