package wire

import (
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// A Service is AWS's model of a service, bound to the operations of it that are
// served. It is safe for concurrent use.
type Service struct {
	table     *model.Table
	binder    *binder
	protocols []Protocol
	served    map[string]*Operation
	router    func() *router
	byCode    func() map[string]*model.Shape
}

// NewService binds operations to the model of the service with that SDK package
// name. The error names an operation or a member that does not fit the model.
func NewService(name string, ops []Operation, unions ...UnionType) (*Service, error) {
	b, err := binderOf(name)
	if err != nil {
		return nil, err
	}
	b.register(unions)
	t := b.table
	s := &Service{table: t, binder: b, protocols: protocolsOf(t.Protocols, t.JSONVersion), served: make(map[string]*Operation, len(ops))}
	s.router = sync.OnceValue(func() *router { return newRouter(s) })
	s.byCode = sync.OnceValue(func() map[string]*model.Shape { return exceptionsByCode(t) })
	for i := range ops {
		op := &ops[i]
		if op.plan, err = b.operation(op); err != nil {
			return nil, fmt.Errorf("%s: operation %s: %w", name, op.Name, err)
		}
		if s.served[op.Name] != nil {
			return nil, fmt.Errorf("%s: operation %s is given twice", name, op.Name)
		}
		s.served[op.Name] = op
	}
	return s, nil
}

// Name is the SDK package name, such as "kms".
func (s *Service) Name() string { return s.table.Name }

// Metadata is what the model says of the service as a whole.
func (s *Service) Metadata() *model.Metadata { return &s.table.Metadata }

// Protocols are what the service speaks, its own favourite first.
func (s *Service) Protocols() []Protocol { return s.protocols }

// Speaks tells whether the service speaks p.
func (s *Service) Speaks(p Protocol) bool { return slices.Contains(s.protocols, p) }

// Principal is the service's principal, which CloudTrail names as the event's
// source: "kms.amazonaws.com".
func (s *Service) Principal() string { return s.table.EndpointPrefix + ".amazonaws.com" }

// IAMPrefix is what goes before the colon of the service's IAM actions (Service
// Authorization Reference). It is the signing name but where AWS has it otherwise.
func (s *Service) IAMPrefix() string {
	switch s.table.SigningName {
	case "monitoring":
		return "cloudwatch"
	default:
		return s.table.SigningName
	}
}

// Operation returns the served operation of that name.
func (s *Service) Operation(name string) (*Operation, bool) {
	op, ok := s.served[name]
	return op, ok
}

// Operations yields the served operations, in no order.
func (s *Service) Operations() iter.Seq[*Operation] {
	return func(yield func(*Operation) bool) {
		for _, op := range s.served {
			if !yield(op) {
				return
			}
		}
	}
}

// Modeled tells whether AWS's service has an operation of that name, served
// here or not.
func (s *Service) Modeled(name string) bool { return s.table.HasOperation(name) }
