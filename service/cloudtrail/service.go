// Package cloudtrail serves the CloudTrail API: it finds the events that
// internal/audit has recorded. It writes none itself, so that no call can add
// to the history or take from it.
package cloudtrail

import (
	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Service implements the CloudTrail API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	logs  []*audit.Log
	clock clock.Clock
}

// New returns a Service that answers from logs: the Region's own, and the one
// that keeps the events of what all Regions share.
func New(clk clock.Clock, logs ...*audit.Log) *Service { return &Service{logs: logs, clock: clk} }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onLookup, s.LookupEvents),
	}
}
