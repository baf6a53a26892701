package eventbridge

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// maxTags is how many tags a resource has at most.
const maxTags = 50

func tagMap(tags []types.Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("The number of tags exceeds the limit of %d.", maxTags)
	}
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return invalid("Parameter Tags is not valid. Reason: aws: prefixed tag key names are not allowed for external use.")
		}
	}
	return nil
}

// A tagged is what an ARN names: a rule, or else a bus.
type tagged struct {
	bus  busName
	rule string
}

// tagged reads the ARN of a bus or a rule of this Region.
func (s *Service) tagged(text string) (tagged, error) {
	a, err := arn.Parse(text)
	kind, rest, ok := strings.Cut(a.Resource, "/")
	if err != nil || !ok || a.Service != "events" || a.Region != s.Region || !arn.IsAccount(a.AccountID) {
		return tagged{}, invalid("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.")
	}
	switch kind {
	case "event-bus":
		return tagged{bus: busName{a.AccountID, rest}}, nil
	case "rule":
		b, name, custom := strings.Cut(rest, "/")
		if !custom {
			b, name = defaultBus, rest
		}
		return tagged{busName{a.AccountID, b}, name}, nil
	}
	return tagged{}, invalid("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.")
}

func (g tagged) get(tx *store.Tx) (map[string]string, error) {
	if g.rule == "" {
		b, err := g.bus.get(tx)
		if err != nil {
			return nil, err
		}
		return b.Tags, nil
	}
	r, err := g.bus.rule(tx, g.rule)
	if err != nil {
		return nil, err
	}
	return r.Tags, nil
}

func (s *Service) tags(ctx context.Context, text string) (tags map[string]string, err error) {
	g, err := s.tagged(text)
	if err != nil {
		return nil, err
	}
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		tags, err = g.get(tx)
		return err
	})
	return tags, err
}

func (s *Service) retag(ctx context.Context, text string, change func(map[string]string)) error {
	g, err := s.tagged(text)
	if err != nil {
		return err
	}
	renew := func(old map[string]string) (map[string]string, error) {
		next := map[string]string{}
		maps.Copy(next, old)
		change(next)
		return next, checkTags(next)
	}
	if g.rule == "" {
		return s.edit(ctx, g.bus, func(b *bus) (err error) {
			b.Tags, err = renew(b.Tags)
			return err
		})
	}
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		r, err := g.bus.rule(tx, g.rule)
		if err != nil {
			return err
		}
		if r.Tags, err = renew(r.Tags); err != nil {
			return err
		}
		return rules.Put(tx, r)
	})
}

// rule returns a rule of the bus.
func (n busName) rule(tx *store.Tx, name string) (*rule, error) {
	r, err := rules.Get(tx, n.Account, n.Name, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, missingRule(n, name)
	}
	return r, err
}

// TagResource adds tags to a bus or a rule, and overwrites those of the same key.
func (s *Service) TagResource(ctx context.Context, in *eventbridge.TagResourceInput) (*eventbridge.TagResourceOutput, error) {
	if err := s.retag(ctx, *in.ResourceARN, func(t map[string]string) { maps.Copy(t, tagMap(in.Tags)) }); err != nil {
		return nil, err
	}
	return &eventbridge.TagResourceOutput{}, nil
}

// UntagResource removes tags. Those that are not there are no error.
func (s *Service) UntagResource(ctx context.Context, in *eventbridge.UntagResourceInput) (*eventbridge.UntagResourceOutput, error) {
	err := s.retag(ctx, *in.ResourceARN, func(t map[string]string) {
		maps.DeleteFunc(t, func(k, _ string) bool { return slices.Contains(in.TagKeys, k) })
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.UntagResourceOutput{}, nil
}

// ListTagsForResource returns the tags of a bus or a rule by key.
func (s *Service) ListTagsForResource(ctx context.Context, in *eventbridge.ListTagsForResourceInput) (*eventbridge.ListTagsForResourceOutput, error) {
	tags, err := s.tags(ctx, *in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &eventbridge.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out, nil
}
