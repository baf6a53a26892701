// Package ec2 serves what Garrison has of Amazon EC2. It says which Regions
// there are; it runs no machines.
package ec2

import "github.com/garrison-cloud/garrison/internal/wire"

// Service implements the EC2 API. Its methods are safe for concurrent use.
type Service struct{ regions []string }

// New returns a Service that knows the Regions that are served.
func New(regions []string) *Service { return &Service{regions: regions} }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onRegions, s.DescribeRegions),
	}
}
