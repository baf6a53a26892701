package iam

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// everyResource is the resource of a simulation that names none.
const everyResource = "*"

func (s *Service) simulationOperations() []wire.Operation {
	return []wire.Operation{
		op(onAny[iam.SimulateCustomPolicyInput], s.SimulateCustomPolicy),
		op(onSource(s, func(in *iam.SimulatePrincipalPolicyInput) *string { return in.PolicySourceArn }), s.SimulatePrincipalPolicy),
		op(onAny[iam.GetContextKeysForCustomPolicyInput], s.GetContextKeysForCustomPolicy),
		op(onSource(s, func(in *iam.GetContextKeysForPrincipalPolicyInput) *string { return in.PolicySourceArn }), s.GetContextKeysForPrincipalPolicy),
	}
}

// A scenario is what both simulations ask.
type scenario struct {
	policies, boundary, actions, resources []string
	resourcePolicy, resourceOwner, caller  *string
	context                                []types.ContextEntry
	marker                                 *string
	items                                  *int32
}

// A simulation is a scenario ready to run. The policies' names are their places
// in sources.
type simulation struct {
	service   *Service
	policies  engine.Policies
	sources   []source
	principal engine.Principal
	owner     string
	values    map[string][]string // by lower-case key
	keys      []string            // what the policies refer to
}

// SimulateCustomPolicy answers what policies, given as text, would allow.
func (s *Service) SimulateCustomPolicy(ctx context.Context, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	results, p, err := s.simulate(ctx, &holding{}, &scenario{
		policies: in.PolicyInputList, boundary: in.PermissionsBoundaryPolicyInputList, actions: in.ActionNames,
		resources: in.ResourceArns, resourcePolicy: in.ResourcePolicy, resourceOwner: in.ResourceOwner, caller: in.CallerArn,
		context: in.ContextEntries, marker: in.Marker, items: in.MaxItems,
	})
	if err != nil {
		return nil, err
	}
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: results, IsTruncated: p.more, Marker: p.marker()}, nil
}

// SimulatePrincipalPolicy answers what a user's, group's or role's policies allow.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	var held *holding
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		held, err = s.held(tx, *in.PolicySourceArn)
		return err
	})
	if err != nil {
		return nil, err
	}
	results, p, err := s.simulate(ctx, held, &scenario{
		policies: in.PolicyInputList, boundary: in.PermissionsBoundaryPolicyInputList, actions: in.ActionNames,
		resources: in.ResourceArns, resourcePolicy: in.ResourcePolicy, resourceOwner: in.ResourceOwner, caller: in.CallerArn,
		context: in.ContextEntries, marker: in.Marker, items: in.MaxItems,
	})
	if err != nil {
		return nil, err
	}
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: results, IsTruncated: p.more, Marker: p.marker()}, nil
}

// simulate asks each action of each resource, one page of them.
func (s *Service) simulate(ctx context.Context, held *holding, in *scenario) ([]types.EvaluationResult, *pager, error) {
	p, err := newPager("iam.Simulate", in.marker, in.items)
	if err != nil {
		return nil, nil, err
	}
	sim, err := s.newSimulation(wire.CallFrom(ctx).Account(), held, in)
	if err != nil {
		return nil, nil, err
	}
	resources := in.resources
	if len(resources) == 0 {
		resources = []string{everyResource}
	}
	next := 0
	if p.after != "" {
		last, err := strconv.Atoi(p.after)
		if err != nil {
			return nil, nil, unfit("Invalid Marker.")
		}
		next = last + 1
	}
	out := []types.EvaluationResult{}
	for ; next < len(in.actions)*len(resources) && p.take(strconv.Itoa(next)); next++ {
		out = append(out, sim.result(in.actions[next/len(resources)], resources[next%len(resources)]))
	}
	return out, p, nil
}

func (s *Service) newSimulation(account string, held *holding, in *scenario) (*simulation, error) {
	for _, action := range in.actions {
		if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" {
			return nil, invalid("The action name " + action + " is not valid. Specify it as service:action.")
		}
	}
	given, err := inputPolicies(in.policies)
	if err != nil {
		return nil, err
	}
	sim := &simulation{service: s, principal: held.principal}
	if err := sim.setCaller(account, held, in); err != nil {
		return nil, err
	}
	if sim.policies.Identity, err = sim.compile(engine.IdentityPolicy, append(held.sources, given...)...); err != nil {
		return nil, err
	}
	if err := sim.setBoundary(held, in); err != nil {
		return nil, err
	}
	if err := sim.setResource(held, in); err != nil {
		return nil, err
	}
	sim.setValues(held, in)
	sim.keys, err = contextKeys(sim.sources)
	return sim, err
}

// compile compiles policies and remembers where they come from.
func (m *simulation) compile(kind engine.Kind, list ...source) ([]*engine.Policy, error) {
	var out []*engine.Policy
	for _, from := range list {
		p, err := parseInput(from.document, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, p.WithName(strconv.Itoa(len(m.sources))))
		m.sources = append(m.sources, from)
	}
	return out, nil
}

// setCaller makes the simulated caller: the one named, with the policies of the
// entity, or the entity itself.
func (m *simulation) setCaller(account string, held *holding, in *scenario) error {
	if in.caller == nil {
		if m.principal.Account == "" {
			m.principal = engine.Principal{Kind: engine.User, Account: account}
		}
		return nil
	}
	a, err := arn.Parse(*in.caller)
	if err != nil || a.Service != "iam" || !arn.IsAccount(a.AccountID) || !strings.HasPrefix(a.Resource, "user/") {
		return invalid("Invalid Caller Arn: " + *in.caller + " is not the ARN of an IAM user.")
	}
	id := ""
	if held.principal.ARN == *in.caller {
		id = held.principal.ID
	}
	m.principal = engine.Principal{Kind: engine.User, ARN: *in.caller, Account: a.AccountID, ID: id}
	return nil
}

func (m *simulation) setBoundary(held *holding, in *scenario) (err error) {
	if len(in.boundary) > 1 {
		return invalid("You can specify only one permissions boundary policy.")
	}
	from := held.boundary
	if len(in.boundary) == 1 {
		from = &source{id: "PermissionsBoundaryPolicyInputList.1", kind: types.PolicySourceTypeNone, document: in.boundary[0]}
	}
	if from == nil {
		return nil
	}
	m.policies.HasBoundary = true
	m.policies.Boundary, err = m.compile(engine.IdentityPolicy, *from)
	return err
}

func (m *simulation) setResource(held *holding, in *scenario) error {
	m.owner = m.principal.Account
	if in.resourceOwner != nil {
		m.owner = *in.resourceOwner
		if a, err := arn.Parse(m.owner); err == nil {
			m.owner = a.AccountID
		}
		if !arn.IsAccount(m.owner) {
			return invalid("Invalid Resource Owner: " + *in.resourceOwner)
		}
	}
	if in.resourcePolicy == nil {
		return nil
	}
	if held.principal.Kind == engine.RoleSession && in.caller == nil || m.principal.ARN == "" {
		return invalid("CallerArn is required when a ResourcePolicy is specified and the policy source is not an IAM user.")
	}
	list, err := m.compile(engine.ResourcePolicy, source{id: "ResourcePolicy", kind: types.PolicySourceTypeResource, document: *in.resourcePolicy})
	if err != nil {
		return err
	}
	m.policies.Resource = list[0]
	return nil
}

// setValues takes the context that was given, and what is known of the caller
// beside it.
func (m *simulation) setValues(held *holding, in *scenario) {
	m.values = map[string][]string{}
	known := func(key, value string) {
		if value != "" {
			m.values[key] = []string{value}
		}
	}
	p := &m.principal
	known("aws:principalaccount", p.Account)
	known("aws:principalarn", p.ARN)
	known("aws:userid", p.ID)
	switch {
	case p.Kind == engine.RoleSession:
		known("aws:principalarn", p.RoleARN)
		known("aws:principaltype", "AssumedRole")
	case p.ARN != "":
		known("aws:principaltype", "User")
		known("aws:username", p.ARN[strings.LastIndexByte(p.ARN, '/')+1:])
	}
	for key, value := range held.tags {
		known("aws:principaltag/"+fold(key), value)
	}
	for _, e := range in.context {
		if e.ContextKeyName != nil {
			m.values[fold(*e.ContextKeyName)] = e.ContextKeyValues
		}
	}
}

// Values implements engine/iam's Context.
func (m *simulation) Values(key string) ([]string, bool) {
	v, ok := m.values[key]
	return v, ok
}

// missing are the keys that the policies refer to and nobody has given.
func (m *simulation) missing() []string {
	out := []string{}
	for _, key := range m.keys {
		if _, ok := m.values[fold(key)]; !ok {
			out = append(out, key)
		}
	}
	return out
}

func (m *simulation) result(action, resource string) types.EvaluationResult {
	request := &engine.Request{
		Action: action, Resource: resource, Principal: m.principal, ResourceAccount: m.ownerOf(resource), Context: m,
	}
	d := engine.Evaluate(request, &m.policies)
	out := types.EvaluationResult{
		EvalActionName: aws.String(action), EvalResourceName: aws.String(resource), EvalDecision: verdict(d),
		MatchedStatements: m.matched(request, d), MissingContextValues: []string{},
	}
	if m.policies.HasBoundary {
		own := *request
		own.ResourceAccount = ""
		within := engine.Evaluate(&own, &engine.Policies{Identity: m.policies.Boundary})
		out.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: within.Allowed}
	}
	if resource == everyResource {
		out.MissingContextValues = m.missing()
		return out
	}
	out.ResourceSpecificResults = []types.ResourceSpecificResult{{
		EvalResourceName: out.EvalResourceName, EvalResourceDecision: out.EvalDecision, MatchedStatements: out.MatchedStatements,
		MissingContextValues: m.missing(), EvalDecisionDetails: m.details(request),
		PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail,
	}}
	return out
}

// ownerOf is the account that owns a resource: the one in its ARN, if any.
func (m *simulation) ownerOf(resource string) string {
	if a, err := arn.Parse(resource); err == nil && arn.IsAccount(a.AccountID) {
		return a.AccountID
	}
	return m.owner
}

func verdict(d engine.Decision) types.PolicyEvaluationDecisionType {
	switch {
	case d.Allowed:
		return types.PolicyEvaluationDecisionTypeAllowed
	case d.Reason == engine.ExplicitDeny:
		return types.PolicyEvaluationDecisionTypeExplicitDeny
	default:
		return types.PolicyEvaluationDecisionTypeImplicitDeny
	}
}

// matched are the statements that made the decision: those that deny if one
// does, those that allow if it is allowed, none if nothing allowed.
func (m *simulation) matched(r *engine.Request, d engine.Decision) []types.Statement {
	out := []types.Statement{}
	if d.Reason == engine.ImplicitDeny {
		return out
	}
	for _, ref := range engine.Explain(r, &m.policies) {
		if ref.Deny != (d.Reason == engine.ExplicitDeny) {
			continue
		}
		i, err := strconv.Atoi(ref.Policy)
		if err != nil {
			panic(fmt.Sprintf("a simulated policy is named %q", ref.Policy)) // compile numbers them
		}
		out = append(out, m.sources[i].matched(ref))
	}
	return out
}

// details tells, across accounts, what each account's side says.
func (m *simulation) details(r *engine.Request) map[string]types.PolicyEvaluationDecisionType {
	out := map[string]types.PolicyEvaluationDecisionType{}
	if r.ResourceAccount == m.principal.Account {
		return out
	}
	own := *r
	own.ResourceAccount = ""
	mine := m.policies
	mine.Resource = nil
	out["IAM Policy"] = verdict(engine.Evaluate(&own, &mine))
	theirs := engine.Policies{Identity: []*engine.Policy{m.service.everything}, Resource: m.policies.Resource}
	out["Resource Policy"] = verdict(engine.Evaluate(r, &theirs))
	return out
}
