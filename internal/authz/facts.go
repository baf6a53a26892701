package authz

import "time"

// Facts are what is true of a call apart from what it asks for; condition keys
// read them.
type Facts struct {
	Principal *Principal
	// Region is where the call is handled.
	Region string
	// Time is when it arrived.
	Time time.Time
	// SourceIP is the client's address without the port, or the service
	// principal's name for a call that a service makes.
	SourceIP string
	// UserAgent and Referer are the client's headers.
	UserAgent, Referer string
	// Secure tells that the call came over TLS.
	Secure bool
	// Via lists the service principals that make the call on the caller's behalf,
	// first to last: "secretsmanager.amazonaws.com".
	Via []string
	// SourceARN and SourceAccount name the resource that a calling service acts for.
	SourceARN, SourceAccount string
}
