package iam

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Condition keys of IAM (Service Authorization Reference, "Actions, resources,
// and condition keys for AWS Identity and Access Management").
const (
	policyARNKey = "iam:policyarn"
	boundaryKey  = "iam:permissionsboundary"
	requestTag   = "aws:requesttag/"
	tagKeys      = "aws:tagkeys"
)

// A detail adds to the question that a call asks what its input tells. e is the
// entity in question, nil if there is none.
type detail[I any] func(in *I, e *entity, set func(key string, values ...string))

// bounded tells the boundary of the entity in question.
func bounded[I any](_ *I, e *entity, set func(string, ...string)) {
	if e != nil && e.Boundary != "" {
		set(boundaryKey, e.Boundary)
	}
}

// about tells what attr reads of the input, if it is given.
func about[I any](key string, attr func(*I) *string) detail[I] {
	return func(in *I, _ *entity, set func(string, ...string)) {
		if v := attr(in); v != nil {
			set(key, *v)
		}
	}
}

// tagged tells the tags that the input brings.
func tagged[I any](tags func(*I) []types.Tag) detail[I] {
	return func(in *I, _ *entity, set func(string, ...string)) {
		var keys []string
		for _, t := range tags(in) {
			keys = append(keys, *t.Key)
			set(requestTag+fold(*t.Key), *t.Value)
		}
		if keys != nil {
			set(tagKeys, keys...)
		}
	}
}

// untagged tells the tag keys that the input names.
func untagged[I any](keys func(*I) []string) detail[I] {
	return func(in *I, _ *entity, set func(string, ...string)) { set(tagKeys, keys(in)...) }
}

func conditions[I any](in *I, e *entity, details []detail[I]) map[string][]string {
	if len(details) == 0 {
		return nil
	}
	out := map[string][]string{}
	for _, d := range details {
		d(in, e, func(key string, values ...string) { out[key] = values })
	}
	return out
}

// on asks for the operation's action on the caller's entity that name reads from
// the input; no name is the caller itself.
func on[T, I any](s *Service, k *kind[T], name func(*I) *string, details ...detail[I]) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		who, err := subject(ctx, name(in))
		if err != nil {
			return authz.Target{}, err
		}
		var display string // AWS names who is not named by the ARN
		if name(in) != nil {
			display = k.display(who)
		}
		if who == "" {
			return authz.On(arn.Root(wire.CallFrom(ctx).Account())), nil
		}
		row, err := k.view(ctx, s, who)
		if missing, ok := errors.AsType[*types.NoSuchEntityException](err); ok {
			t := authz.On(k.named(wire.CallFrom(ctx).Account(), "/", who))
			t.Display, t.Missing, t.Conditions = display, missing, conditions(in, nil, details)
			return t, nil
		}
		if err != nil {
			return authz.Target{}, err
		}
		e := k.of(row)
		t := authz.On(k.arn(e))
		t.Display, t.Tags, t.Conditions = display, e.Tags, conditions(in, e, details)
		return t, nil
	}
}

// onNew asks for the operation's action on an entity that does not exist yet.
func onNew[T, I any](k *kind[T], names func(*I) (path, name *string), details ...detail[I]) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		path, name := names(in)
		t := authz.On(k.named(wire.CallFrom(ctx).Account(), pathOf(path), *name))
		t.Conditions = conditions(in, nil, details)
		return tagging(t, strings.ReplaceAll(k.title, " ", "")), nil
	}
}

// tagging asks, of a call that makes something with tags, for the permission to
// tag it too: a call without it would get round a denial of iam:TagUser and its
// like (IAM User Guide, "Tags for IAM resources").
func tagging(t authz.Target, title string) authz.Target {
	if t.Conditions[tagKeys] != nil {
		t.And = append(t.And, authz.Target{Action: "iam:Tag" + title, Resource: t.Resource, Conditions: t.Conditions})
	}
	return t
}

// names is what an update calls an entity, and what it is to be from then on.
type names struct{ name, newPath, newName *string }

// onRename asks for the operation's action on the entity as it is called and as
// it is to be called: a permission below one path moves nothing to another (IAM
// API Reference, UpdateUser).
func onRename[T, I any](s *Service, k *kind[T], read func(*I) names) func(context.Context, *I) (authz.Target, error) {
	now := on(s, k, func(in *I) *string { return read(in).name })
	return func(ctx context.Context, in *I) (authz.Target, error) {
		t, err := now(ctx, in)
		if err != nil || t.Missing != nil {
			return t, err
		}
		row, err := k.view(ctx, s, *read(in).name)
		if err != nil {
			return t, err
		}
		e, n := k.of(row), read(in)
		path, name := e.Path, e.Name
		if n.newPath != nil {
			path = *n.newPath
		}
		if n.newName != nil {
			name = *n.newName
		}
		if next := k.named(e.Account, path, name); next != t.Resource {
			t.And = append(t.And, authz.Target{Resource: next, Tags: e.Tags})
		}
		return t, nil
	}
}

// onAll asks for the operation's action on all entities below a path.
func onAll[T, I any](k *kind[T], prefix func(*I) *string) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		return authz.On(k.named(wire.CallFrom(ctx).Account(), pathOf(prefix(in)), "")), nil
	}
}

func pathOf(path *string) string {
	if path == nil {
		return "/"
	}
	return aws.ToString(path)
}
