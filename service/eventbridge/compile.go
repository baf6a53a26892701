package eventbridge

import (
	"errors"
	"fmt"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A ruleSet is what was compiled of a bus's rules at a revision. It never changes.
type ruleSet struct {
	number uint64
	names  []string
	set    *eventpattern.Set
}

// ruleSetOf returns the bus's compiled rules as tx sees them, nil if it never had one.
func (s *Service) ruleSetOf(tx *store.Tx, n busName) (*ruleSet, error) {
	rev, err := revisions.Get(tx, n.Account, n.Name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if known, ok := s.compiled.Get(n); ok && known.number == rev.Number {
		return known, nil
	}
	made := &ruleSet{number: rev.Number}
	var patterns []*eventpattern.Pattern
	for r, err := range rules.Scan(tx, store.Range{Prefix: store.K(n.Account, n.Name)}) {
		if err != nil {
			return nil, err
		}
		if r.Disabled || r.Pattern == "" {
			continue
		}
		p, err := eventpattern.Parse(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("compile the rule %s: %w", r.Name, err)
		}
		made.names, patterns = append(made.names, r.Name), append(patterns, p)
	}
	made.set = eventpattern.NewSet(patterns)
	return made, nil
}

// admit writes the deliveries of an event to all targets of the rules that it
// matches. The compiled rules are handed back for the time after the commit: those of
// a transaction that is run again are not kept.
func (s *Service) admit(tx *store.Tx, e *accepted, parsed *eventpattern.Event) (*ruleSet, error) {
	rs, err := s.ruleSetOf(tx, busName{e.Account, e.Bus})
	if rs == nil || err != nil {
		return nil, err
	}
	n := 0
	for _, i := range rs.set.Match(parsed) {
		m, err := send(tx, e, rs.names[i])
		if err != nil {
			return nil, err
		}
		n += m
	}
	if n == 0 {
		return rs, nil
	}
	return rs, accepteds.Add(tx, e)
}

// send writes an event's deliveries to one rule's targets, and tells how many.
func send(tx *store.Tx, e *accepted, rule string) (n int, err error) {
	list, err := targetsOf(tx, busName{e.Account, e.Bus}, rule)
	if err != nil {
		return 0, err
	}
	for _, t := range list {
		d := &delivery{Event: e.ID, Account: e.Account, Bus: e.Bus, Rule: rule, Target: t.ID, Born: tx.Now(), Due: tx.Now()}
		if err := deliveries.Add(tx, d); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}
