// Package cloudwatch serves what Garrison has of Amazon CloudWatch: metrics that
// are put can be listed and read. It refuses percentiles, for which it would have
// to keep every value.
//
//	PutMetricData → one row a metric and minute → GetMetricStatistics
package cloudwatch

import (
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Service implements the CloudWatch API of one Region. Its methods are safe for
// concurrent use.
type Service struct{ db *store.DB }

// New returns a Service that keeps its metrics in db.
func New(db *store.DB) *Service { return &Service{db: db} }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onPut, s.PutMetricData),
		wire.Op(s.onList, s.ListMetrics),
		wire.Op(s.onStatistics, s.GetMetricStatistics),
	}
}
