// Package target keeps target groups: who can take traffic, how it is spread, and the
// connections that are kept to each target. It probes targets for health and never
// sends traffic to one that is draining, but for clients that are bound to it.
//
// Flow: Config → Group.Apply → probes → Group.Pick → Member.Dial.
package target

import (
	"errors"
	"net/netip"
	"time"
)

// ErrNone means that a group has no registered target to send anything to.
var ErrNone = errors.New("target: group has no registered targets")

// An Algorithm spreads requests over a group's targets
// (load_balancing.algorithm.type).
type Algorithm string

// The algorithms.
const (
	RoundRobin       Algorithm = "round_robin"
	LeastOutstanding Algorithm = "least_outstanding_requests"
	WeightedRandom   Algorithm = "weighted_random"
)

// A Config is a target group. It is immutable once applied.
type Config struct {
	ARN      string
	Lambda   bool   // the one target is a function, named by its ID
	Protocol string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP
	Version  string // HTTP1, HTTP2, GRPC; empty is HTTP1
	Targets  []Target
	Health   Check

	Algorithm           Algorithm
	SlowStart           time.Duration
	DeregistrationDelay time.Duration
	// TerminateOnDeregistration ends a network balancer's connections when the delay is over.
	TerminateOnDeregistration bool
	// KeepUnhealthy leaves a network balancer's connections to a target that turns unhealthy.
	KeepUnhealthy bool
	// MinHealthy and MinHealthyPercent: with fewer healthy targets, all take traffic
	// (target_group_health.unhealthy_state_routing). 0 is AWS's default of one target.
	MinHealthy, MinHealthyPercent int

	Sticky            Sticky
	MultiValueHeaders bool // lambda.multi_value_headers.enabled
	ProxyProtocol     bool // proxy_protocol_v2.enabled
}

// A Target is one registration.
type Target struct {
	ID      string // instance id, address or function ARN
	Address netip.AddrPort
	Zone    string
}

// Sticky is a group's target stickiness.
type Sticky struct {
	Type     string // "", lb_cookie, app_cookie, source_ip
	Cookie   string // the application's cookie
	Duration time.Duration
}

// A Check is a group's health check.
type Check struct {
	Disabled           bool
	Protocol           string // HTTP, HTTPS, TCP
	Port               uint16 // 0 is the traffic port
	Path               string
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int    // thresholds, in consecutive probes
	Matcher            string // "200", "200,202", "200-299"; gRPC codes where Version is GRPC
}

// A State is a target's health (Elastic Load Balancing API, TargetHealth).
type State string

// The states.
const (
	Initial     State = "initial"
	Healthy     State = "healthy"
	Unhealthy   State = "unhealthy"
	Unused      State = "unused"
	Draining    State = "draining"
	Unavailable State = "unavailable"
)

// A Status is what DescribeTargetHealth tells of one target.
type Status struct {
	Target      Target
	State       State
	Reason      string // a TargetHealthReasonEnum value, empty when healthy
	Description string
}
