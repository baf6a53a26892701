package accessanalyzer

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

func kindOf(t types.AccessCheckPolicyType) engine.Kind {
	if t == types.AccessCheckPolicyTypeResourcePolicy {
		return engine.ResourcePolicy
	}
	return engine.IdentityPolicy
}

// CheckNoNewAccess proves that a new policy lets nothing in that the existing one
// does not.
func (s *Service) CheckNoNewAccess(ctx context.Context, in *accessanalyzer.CheckNoNewAccessInput) (*accessanalyzer.CheckNoNewAccessOutput, error) {
	kind := kindOf(in.PolicyType)
	next, err := parsePolicy(*in.NewPolicyDocument, kind)
	if err != nil {
		return nil, err
	}
	before, err := parsePolicy(*in.ExistingPolicyDocument, kind)
	if err != nil {
		return nil, err
	}
	var reasons []types.ReasonSummary
	for i := range next {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !next[i].deny && !noNewAccess(ctx, &next[i], next, before) {
			reasons = append(reasons, reason("New access in the statement with ", &next[i]))
		}
	}
	out := &accessanalyzer.CheckNoNewAccessOutput{
		Result:  types.CheckNoNewAccessResultPass,
		Message: aws.String("The modified permissions do not grant new access compared to your existing policy."),
	}
	if len(reasons) > 0 {
		out.Result, out.Reasons = types.CheckNoNewAccessResultFail, reasons
		out.Message = aws.String("The modified permissions grant new access compared to your existing policy.")
	}
	return out, nil
}

// noNewAccess reports whether each piece of an Allow is denied in the new policy,
// or was let in by the old one, whose denials hold on.
func noNewAccess(ctx context.Context, allow *statement, next, before []statement) bool {
	pieces, ok := allow.pieces(len(next) + len(before))
	for i := range pieces {
		p := &pieces[i]
		if ctx.Err() != nil { // nobody waits for the answer
			return false
		}
		if slices.ContainsFunc(next, func(s statement) bool { return p.deniedBy(&s) }) {
			continue
		}
		if !slices.ContainsFunc(before, func(s statement) bool { return p.allowedBy(&s) }) || !denialsHold(p, next, before) {
			return false
		}
	}
	return ok
}

// denialsHold reports whether what the old policy denied of the piece is still
// denied.
func denialsHold(p *piece, next, before []statement) bool {
	for i := range before {
		old := &before[i]
		if !old.deny || p.spared(old) {
			continue
		}
		if !slices.ContainsFunc(next, func(s statement) bool { return p.deniedTogether(old, &s) }) {
			return false
		}
	}
	return true
}

// CheckAccessNotGranted proves that a policy lets none of the given actions be
// done on any of the given resources.
func (s *Service) CheckAccessNotGranted(ctx context.Context, in *accessanalyzer.CheckAccessNotGrantedInput) (*accessanalyzer.CheckAccessNotGrantedOutput, error) {
	list, err := parsePolicy(*in.PolicyDocument, kindOf(in.PolicyType))
	if err != nil {
		return nil, err
	}
	critical := make([]target, len(in.Access))
	for i := range in.Access {
		if critical[i], err = newTarget(&in.Access[i]); err != nil {
			return nil, err
		}
	}
	var reasons []types.ReasonSummary
	for i := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !list[i].deny && slices.ContainsFunc(critical, func(t target) bool { return !t.notGranted(&list[i], list) }) {
			reasons = append(reasons, reason("One or more of the listed actions or resources in the statement with ", &list[i]))
		}
	}
	out := &accessanalyzer.CheckAccessNotGrantedOutput{
		Result:  types.CheckAccessNotGrantedResultPass,
		Message: aws.String("The policy document does not grant access to perform the listed actions or resources."),
	}
	if len(reasons) > 0 {
		out.Result, out.Reasons = types.CheckAccessNotGrantedResultFail, reasons
		out.Message = aws.String("The policy document grants access to perform one or more of the listed actions or resources.")
	}
	return out, nil
}

// A target is access that must not be granted.
type target struct{ actions, resources set }

func newTarget(a *types.Access) (target, error) {
	actions, resources := make([]string, len(a.Actions)), a.Resources
	for i, name := range a.Actions {
		actions[i] = lower(name)
	}
	if len(actions)+len(resources) == 0 {
		return target{}, &types.InvalidParameterException{Message: new("An access must list actions or resources.")}
	}
	if len(actions) == 0 {
		actions = []string{"*"}
	}
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	return target{newSet(false, actions, false), newSet(false, resources, false)}, nil
}

// notGranted reports whether it is proved that an Allow lets none of it in: they
// have nothing in common, or what they have is denied.
func (t *target) notGranted(allow *statement, list []statement) bool {
	actions, resources := t.actions.pieces(), t.resources.pieces()
	pieces, ok := allow.pieces(len(actions) * len(resources) * len(list))
	for i := range pieces {
		p := &pieces[i]
		for j := range actions {
			for k := range resources {
				if !p.actions.apart(&actions[j]) && !p.resources.apart(&resources[k]) && !deniedWithin(p, &actions[j], &resources[k], list) {
					return false
				}
			}
		}
	}
	return ok
}

// deniedWithin reports whether one statement denies all of the piece that is also
// in the given actions and resources.
func deniedWithin(p *piece, actions, resources *set, list []statement) bool {
	return slices.ContainsFunc(list, func(s statement) bool {
		return s.deny &&
			(p.actions.within(&s.actions) || actions.within(&s.actions)) &&
			(p.resources.within(&s.resources) || resources.within(&s.resources)) &&
			p.principals.deniedBy(&s.principals) && implies(p.conditions, s.conditions)
	})
}

// reason names a statement as AWS does.
func reason(what string, s *statement) types.ReasonSummary {
	r := types.ReasonSummary{StatementIndex: aws.Int32(int32(s.index))} //nolint:gosec // the engine bounds the number of statements
	if s.sid == "" {
		r.Description = aws.String(what + "index: " + strconv.Itoa(s.index) + ".")
		return r
	}
	r.StatementId, r.Description = aws.String(s.sid), aws.String(what+"sid: "+s.sid+".")
	return r
}
