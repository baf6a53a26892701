package ssm

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const parameterType = "AWS::SSM::Parameter"

// conditions are condition keys of a call, in lower case (Service Authorization
// Reference, "Condition keys for AWS Systems Manager").
type conditions map[string][]string

func flag(name string, value bool) conditions {
	return conditions{name: {strconv.FormatBool(value)}}
}

// tags adds aws:RequestTag/… and aws:TagKeys.
func (c conditions) tags(tags []types.Tag) conditions {
	for _, t := range tags {
		name := aws.ToString(t.Key)
		c["aws:requesttag/"+strings.ToLower(name)] = []string{aws.ToString(t.Value)}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], name)
	}
	return c
}

// shareable are the operations that a resource policy can allow (Systems Manager
// User Guide, "Working with shared parameters", permissions of the share).
var shareable = map[string]bool{"GetParameter": true, "GetParameters": true, "GetParameterHistory": true}

// on asks for the operation's own action on a parameter, whether it is there or not.
func (s *Service) on(ctx context.Context, r *reference, c conditions) (authz.Target, error) {
	t := authz.Target{Resource: arnOf(s.region, r.account, r.path()), Account: r.account, Conditions: c}
	call := wire.CallFrom(ctx)
	if _, public := s.publicOf(r); public {
		t.Resource, t.Account = arnOf(s.region, "", r.path()), call.Account()
		return t, nil
	}
	if r.account != call.Account() { // whether there is a parameter or not
		t.Hide = "on resource: " + t.Resource + " because no resource-based policy allows the ssm:" + call.Operation + " action"
	}
	p, err := s.read(ctx, r)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return t, nil
	case err != nil:
		return t, err
	}
	t.Type, t.Tags = parameterType, p.Tags
	if shareable[call.Operation] {
		t.Policy = p.Policy
	}
	return t, nil
}

// onOwn is on for what refuses ARNs.
func (s *Service) onOwn(ctx context.Context, given *string) (authz.Target, error) {
	r, err := s.own(ctx, *given)
	if err != nil {
		return authz.Target{}, err
	}
	return s.on(ctx, &r, nil)
}

func (s *Service) onRead(ctx context.Context, given *string) (authz.Target, error) {
	r := s.refer(wire.CallFrom(ctx).Account(), *given)
	if err := r.check(); err != nil {
		return authz.Target{}, err
	}
	return s.on(ctx, &r, nil)
}

// onAll asks about several at once; all must be allowed.
func onAll(names []string, one func(*string) (authz.Target, error)) (authz.Target, error) {
	var all authz.Target
	for i := range names {
		t, err := one(&names[i])
		if err != nil {
			return t, err
		}
		if i == 0 {
			all = t
			continue
		}
		all.And = append(all.And, t)
	}
	return all, nil
}

func (s *Service) onPutParameter(ctx context.Context, in *ssm.PutParameterInput) (authz.Target, error) {
	account := wire.CallFrom(ctx).Account()
	name := strings.TrimSpace(*in.Name)
	if err := s.checkName(account, name); err != nil {
		return authz.Target{}, err
	}
	c := flag("ssm:overwrite", aws.ToBool(in.Overwrite)).tags(in.Tags)
	c["ssm:policies"] = []string{strconv.FormatBool(in.Policies != nil)}
	t, err := s.on(ctx, &reference{account: account, name: name}, c)
	t.Type = parameterType // it will be there
	if err != nil || len(in.Tags) == 0 {
		return t, err
	}
	tag := t
	tag.Action, tag.Type = "ssm:AddTagsToResource", "" // the event names the parameter once
	t.And = []authz.Target{tag}
	return t, nil
}

func (s *Service) onGetParameter(ctx context.Context, in *ssm.GetParameterInput) (authz.Target, error) {
	return s.onRead(ctx, in.Name)
}

func (s *Service) onGetParameters(ctx context.Context, in *ssm.GetParametersInput) (authz.Target, error) {
	return onAll(in.Names, func(name *string) (authz.Target, error) { return s.onRead(ctx, name) })
}

// onGetParametersByPath asks about the path alone: who may read it may read all
// that is below (Systems Manager API Reference, GetParametersByPath, Recursive).
func (s *Service) onGetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput) (authz.Target, error) {
	path := strings.TrimSpace(*in.Path)
	if err := checkPath(path); err != nil {
		return authz.Target{}, err
	}
	account := wire.CallFrom(ctx).Account()
	if publicPath(path) {
		account = ""
	}
	t := authz.On(arn.New("ssm", s.region, account, "parameter"+path))
	t.Conditions = flag("ssm:recursive", aws.ToBool(in.Recursive))
	return t, nil
}

func (s *Service) onGetParameterHistory(ctx context.Context, in *ssm.GetParameterHistoryInput) (authz.Target, error) {
	return s.onRead(ctx, in.Name)
}

// onDescribeParameters asks about all that Systems Manager has in the account.
func (s *Service) onDescribeParameters(ctx context.Context, _ *ssm.DescribeParametersInput) (authz.Target, error) {
	return authz.On(arn.New("ssm", s.region, wire.CallFrom(ctx).Account(), "*")), nil
}

func (s *Service) onDeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput) (authz.Target, error) {
	return s.onOwn(ctx, in.Name)
}

func (s *Service) onDeleteParameters(ctx context.Context, in *ssm.DeleteParametersInput) (authz.Target, error) {
	return onAll(in.Names, func(name *string) (authz.Target, error) { return s.onOwn(ctx, name) })
}

func (s *Service) onLabelParameterVersion(ctx context.Context, in *ssm.LabelParameterVersionInput) (authz.Target, error) {
	return s.onOwn(ctx, in.Name)
}

func (s *Service) onUnlabelParameterVersion(ctx context.Context, in *ssm.UnlabelParameterVersionInput) (authz.Target, error) {
	return s.onOwn(ctx, in.Name)
}

func (s *Service) onAddTagsToResource(ctx context.Context, in *ssm.AddTagsToResourceInput) (authz.Target, error) {
	return s.onTagged(ctx, in.ResourceType, in.ResourceId, conditions{}.tags(in.Tags))
}

func (s *Service) onRemoveTagsFromResource(ctx context.Context, in *ssm.RemoveTagsFromResourceInput) (authz.Target, error) {
	c := conditions{}
	if len(in.TagKeys) > 0 {
		c["aws:tagkeys"] = in.TagKeys
	}
	return s.onTagged(ctx, in.ResourceType, in.ResourceId, c)
}

func (s *Service) onListTagsForResource(ctx context.Context, in *ssm.ListTagsForResourceInput) (authz.Target, error) {
	return s.onTagged(ctx, in.ResourceType, in.ResourceId, nil)
}

func (s *Service) onTagged(ctx context.Context, kind types.ResourceTypeForTagging, id *string, c conditions) (authz.Target, error) {
	r, err := s.tagged(ctx, kind, *id)
	if err != nil {
		return authz.Target{}, err
	}
	return s.on(ctx, &r, c)
}

func (s *Service) onPutResourcePolicy(ctx context.Context, in *ssm.PutResourcePolicyInput) (authz.Target, error) {
	return s.onShared(ctx, in.ResourceArn)
}

func (s *Service) onGetResourcePolicies(ctx context.Context, in *ssm.GetResourcePoliciesInput) (authz.Target, error) {
	return s.onShared(ctx, in.ResourceArn)
}

func (s *Service) onDeleteResourcePolicy(ctx context.Context, in *ssm.DeleteResourcePolicyInput) (authz.Target, error) {
	return s.onShared(ctx, in.ResourceArn)
}

func (s *Service) onShared(ctx context.Context, resource *string) (authz.Target, error) {
	r, err := s.shared(ctx, *resource)
	if err != nil {
		return authz.Target{}, err
	}
	return s.on(ctx, &r, nil)
}

func (s *Service) onGetServiceSetting(ctx context.Context, in *ssm.GetServiceSettingInput) (authz.Target, error) {
	return s.onSetting(ctx, in.SettingId)
}

func (s *Service) onUpdateServiceSetting(ctx context.Context, in *ssm.UpdateServiceSettingInput) (authz.Target, error) {
	return s.onSetting(ctx, in.SettingId)
}

func (s *Service) onResetServiceSetting(ctx context.Context, in *ssm.ResetServiceSettingInput) (authz.Target, error) {
	return s.onSetting(ctx, in.SettingId)
}

func (s *Service) onSetting(ctx context.Context, id *string) (authz.Target, error) {
	name, err := s.settingOf(ctx, *id)
	if err != nil {
		return authz.Target{}, err
	}
	return authz.On(s.settingARN(wire.CallFrom(ctx).Account(), name)), nil
}
