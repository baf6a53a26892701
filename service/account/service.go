// Package account serves what Garrison has of AWS Account Management: which
// Regions there are. It refuses to change them: they are the server's own
// configuration.
package account

import "github.com/garrison-cloud/garrison/internal/wire"

// Service implements the Account Management API. Its methods are safe for
// concurrent use.
type Service struct{ regions []string }

// New returns a Service that knows the Regions that are served.
func New(regions []string) *Service { return &Service{regions: regions} }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onRegions, s.ListRegions),
		wire.Op(s.onRegion, s.GetRegionOptStatus),
	}
}
