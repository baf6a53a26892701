package lambda

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const functionType = "AWS::Lambda::Function"

// service is the principal that roles trust, and that acts for functions.
const service = "lambda.amazonaws.com"

// on asks for the operation's own action on a function, or on the version or alias
// that is named.
func (s *Service) on(ctx context.Context, name, qualifier *string) (authz.Target, error) {
	r, err := s.parse(ctx, *name, qualifier)
	if err != nil {
		return authz.Target{}, err
	}
	return s.onReference(ctx, r)
}

func (s *Service) onReference(ctx context.Context, r reference) (authz.Target, error) {
	unqualified := s.functionARN(r.account, r.name)
	t := authz.Target{
		Resource: qualified(unqualified, r.qualifier), Type: functionType, Account: r.account,
		Conditions: map[string][]string{"lambda:functionarn": {qualified(unqualified, r.qualifier)}},
	}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		f, err := functions.Get(tx, r.account, r.name)
		if err != nil {
			return err
		}
		t.Tags = f.Tags
		p, err := policies.Get(tx, r.account, r.name, policyOf(r.qualifier))
		if err == nil {
			t.Policy = p.document()
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		t.Missing, t.Type = noFunction(t.Resource), ""
		return t, nil
	}
	return t, err
}

// policyOf is the qualifier under which a policy is kept: $LATEST is the function
// itself.
func policyOf(qualifier string) string {
	if qualifier == latest {
		return ""
	}
	return qualifier
}

// whole is on without a qualifier, for what concerns all versions.
func (s *Service) whole(ctx context.Context, name *string) (authz.Target, error) {
	r, err := s.parse(ctx, *name, nil)
	if err != nil {
		return authz.Target{}, err
	}
	r.qualifier = ""
	return s.onReference(ctx, r)
}

// passing adds the question whether the caller may hand the role to Lambda.
func passing(t *authz.Target, role *string) {
	if role == nil {
		return
	}
	t.And = append(t.And, authz.PassRole(*role, service, t.Resource))
}

func tagConditions(c map[string][]string, tags map[string]string) {
	for k, v := range tags {
		c["aws:requesttag/"+strings.ToLower(k)] = []string{v}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], k)
	}
}

func (s *Service) onCreateFunction(ctx context.Context, in *lambda.CreateFunctionInput) (authz.Target, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return authz.Target{}, err
	}
	if r.account != wire.CallFrom(ctx).Account() || r.qualifier != "" {
		return authz.Target{}, invalid("The function name %s is not valid.", *in.FunctionName)
	}
	name := s.functionARN(r.account, r.name)
	t := authz.Target{Resource: name, Tags: in.Tags, Conditions: map[string][]string{"lambda:functionarn": {name}}}
	tagConditions(t.Conditions, in.Tags)
	passing(&t, in.Role)
	return t, nil
}

func (s *Service) onGetFunction(ctx context.Context, in *lambda.GetFunctionInput) (authz.Target, error) {
	return s.on(ctx, in.FunctionName, in.Qualifier)
}

func (s *Service) onGetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput) (authz.Target, error) {
	return s.on(ctx, in.FunctionName, in.Qualifier)
}

func (s *Service) onListFunctions(context.Context, *lambda.ListFunctionsInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onGetAccountSettings(context.Context, *lambda.GetAccountSettingsInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onDeleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput) (authz.Target, error) {
	return s.on(ctx, in.FunctionName, in.Qualifier)
}

func (s *Service) onUpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onUpdateFunctionConfiguration(ctx context.Context, in *lambda.UpdateFunctionConfigurationInput) (authz.Target, error) {
	t, err := s.whole(ctx, in.FunctionName)
	passing(&t, in.Role)
	return t, err
}

func (s *Service) onPublishVersion(ctx context.Context, in *lambda.PublishVersionInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onListVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onCreateAlias(ctx context.Context, in *lambda.CreateAliasInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onUpdateAlias(ctx context.Context, in *lambda.UpdateAliasInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onGetAlias(ctx context.Context, in *lambda.GetAliasInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onListAliases(ctx context.Context, in *lambda.ListAliasesInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onDeleteAlias(ctx context.Context, in *lambda.DeleteAliasInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onAddPermission(ctx context.Context, in *lambda.AddPermissionInput) (authz.Target, error) {
	t, err := s.on(ctx, in.FunctionName, in.Qualifier)
	if err == nil {
		t.Conditions["lambda:principal"] = []string{*in.Principal}
	}
	return t, err
}

func (s *Service) onRemovePermission(ctx context.Context, in *lambda.RemovePermissionInput) (authz.Target, error) {
	return s.on(ctx, in.FunctionName, in.Qualifier)
}

func (s *Service) onGetPolicy(ctx context.Context, in *lambda.GetPolicyInput) (authz.Target, error) {
	return s.on(ctx, in.FunctionName, in.Qualifier)
}

func (s *Service) onTagResource(ctx context.Context, in *lambda.TagResourceInput) (authz.Target, error) {
	t, err := s.on(ctx, in.Resource, nil)
	if err == nil {
		tagConditions(t.Conditions, in.Tags)
	}
	return t, err
}

func (s *Service) onUntagResource(ctx context.Context, in *lambda.UntagResourceInput) (authz.Target, error) {
	t, err := s.on(ctx, in.Resource, nil)
	if err == nil && len(in.TagKeys) > 0 {
		t.Conditions["aws:tagkeys"] = in.TagKeys
	}
	return t, err
}

func (s *Service) onListTags(ctx context.Context, in *lambda.ListTagsInput) (authz.Target, error) {
	return s.on(ctx, in.Resource, nil)
}

func (s *Service) onPutFunctionConcurrency(ctx context.Context, in *lambda.PutFunctionConcurrencyInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onGetFunctionConcurrency(ctx context.Context, in *lambda.GetFunctionConcurrencyInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onDeleteFunctionConcurrency(ctx context.Context, in *lambda.DeleteFunctionConcurrencyInput) (authz.Target, error) {
	return s.whole(ctx, in.FunctionName)
}

func (s *Service) onPutFunctionEventInvokeConfig(ctx context.Context, in *lambda.PutFunctionEventInvokeConfigInput) (authz.Target, error) {
	return s.on(ctx, in.FunctionName, in.Qualifier)
}

func (s *Service) onGetFunctionEventInvokeConfig(ctx context.Context, in *lambda.GetFunctionEventInvokeConfigInput) (authz.Target, error) {
	return s.on(ctx, in.FunctionName, in.Qualifier)
}

func (s *Service) onDeleteFunctionEventInvokeConfig(ctx context.Context, in *lambda.DeleteFunctionEventInvokeConfigInput) (authz.Target, error) {
	return s.on(ctx, in.FunctionName, in.Qualifier)
}

// onInvoke asks for lambda:InvokeFunction, as policies call it.
func (s *Service) onInvoke(ctx context.Context, in *lambda.InvokeInput) (authz.Target, error) {
	t, err := s.on(ctx, in.FunctionName, in.Qualifier)
	t.Action = "lambda:InvokeFunction"
	return t, err
}
