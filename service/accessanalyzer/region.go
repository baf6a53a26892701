package accessanalyzer

// A piece is a part of an Allow statement with one action, one resource and one
// principal, as they are written: what one other statement may cover.
type piece struct {
	actions, resources set
	principals         principals
	conditions         []condition
}

// maxComparisons bounds the work for one statement. What needs more is not proved.
const maxComparisons = 200_000

// pieces takes a statement apart. ok is false, and nothing is proved, where there
// would be too many of them to compare each with others.
func (s *statement) pieces(others int) (out []piece, ok bool) {
	actions, resources, who := s.actions.pieces(), s.resources.pieces(), s.principals.pieces()
	if len(actions)*len(resources)*len(who)*max(others, 1) > maxComparisons {
		return nil, false
	}
	for _, a := range actions {
		for _, r := range resources {
			for _, p := range who {
				out = append(out, piece{a, r, p, s.conditions})
			}
		}
	}
	return out, true
}

// allowedBy reports whether s lets in all of the piece.
func (p *piece) allowedBy(s *statement) bool {
	return !s.deny && p.actions.within(&s.actions) && p.resources.within(&s.resources) &&
		p.principals.within(&s.principals) && implies(p.conditions, s.conditions)
}

// deniedBy reports whether s denies all of the piece. It then denies also what
// of the piece another statement narrows.
func (p *piece) deniedBy(s *statement) bool {
	return s.deny && p.actions.within(&s.actions) && p.resources.within(&s.resources) &&
		p.principals.deniedBy(&s.principals) && implies(p.conditions, s.conditions)
}

// spared reports whether nothing of the piece is denied by s.
func (p *piece) spared(s *statement) bool {
	return p.actions.apart(&s.actions) || p.resources.apart(&s.resources) || p.principals.apart(&s.principals)
}

// deniedTogether reports whether all of the piece that old denies is denied by
// s too: in each respect s covers one of the two.
func (p *piece) deniedTogether(old, s *statement) bool {
	both := append(append([]condition{}, p.conditions...), old.conditions...)
	return s.deny &&
		(p.actions.within(&s.actions) || old.actions.within(&s.actions)) &&
		(p.resources.within(&s.resources) || old.resources.within(&s.resources)) &&
		(p.principals.deniedBy(&s.principals) || old.principals.deniedBy(&s.principals)) &&
		implies(both, s.conditions)
}
