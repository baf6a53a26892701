package ssm

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	maxLabels = 10 // of a version
	maxLabel  = 100
)

// validLabel tells that a label keeps the rules (Systems Manager API Reference,
// LabelParameterVersion).
func validLabel(label string) bool {
	if label == "" || len(label) > maxLabel || label[0] >= '0' && label[0] <= '9' || startsFold(label, "aws") || startsFold(label, "ssm") {
		return false
	}
	for i := range len(label) {
		if !word(label[i]) {
			return false
		}
	}
	return true
}

// LabelParameterVersion attaches labels to a version, and takes them off another
// that they are attached to. Labels against the rules are listed as invalid.
func (s *Service) LabelParameterVersion(ctx context.Context, in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	r, err := s.own(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	out := &ssm.LabelParameterVersionOutput{InvalidLabels: []string{}}
	var valid []string
	for _, label := range in.Labels {
		if validLabel(label) {
			valid = append(valid, label)
		} else {
			out.InvalidLabels = append(out.InvalidLabels, label)
		}
	}
	err = s.edit(ctx, &r, func(tx *store.Tx, p *parameter) error {
		if out.ParameterVersion, err = p.labeled(in.ParameterVersion); err != nil {
			return err
		}
		p.Labels = maps.Clone(p.Labels)
		if p.Labels == nil {
			p.Labels = map[string]int64{}
		}
		for _, label := range valid {
			p.Labels[label] = out.ParameterVersion
		}
		if len(p.labelsOf(out.ParameterVersion)) > maxLabels {
			return &types.ParameterVersionLabelLimitExceeded{Message: aws.String(
				"A parameter version can have maximum 10 labels.Move one or more labels to another version and try again.")}
		}
		if len(valid) == 0 {
			return nil
		}
		return s.tellLabels(tx, p, out.ParameterVersion, valid)
	})
	if err != nil {
		return nil, or(missing(), err)
	}
	return out, nil
}

// labeled is the version that labels are about: the latest unless one is named.
func (p *parameter) labeled(number *int64) (int64, error) {
	if number == nil {
		return p.Latest.Number, nil
	}
	if *number < p.Oldest || *number > p.Latest.Number {
		return 0, noVersion(strconv.FormatInt(*number, 10), p.name())
	}
	return *number, nil
}

// UnlabelParameterVersion takes labels off a version. Those that are not attached
// to it are listed as invalid.
func (s *Service) UnlabelParameterVersion(ctx context.Context, in *ssm.UnlabelParameterVersionInput) (*ssm.UnlabelParameterVersionOutput, error) {
	r, err := s.own(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	var out *ssm.UnlabelParameterVersionOutput
	err = s.edit(ctx, &r, func(tx *store.Tx, p *parameter) error {
		out = &ssm.UnlabelParameterVersionOutput{RemovedLabels: []string{}, InvalidLabels: []string{}}
		n, err := p.labeled(in.ParameterVersion)
		if err != nil {
			return err
		}
		p.Labels = maps.Clone(p.Labels)
		for _, label := range in.Labels {
			if on, ok := p.Labels[label]; ok && on == n {
				delete(p.Labels, label)
				out.RemovedLabels = append(out.RemovedLabels, label)
			} else if !slices.Contains(out.RemovedLabels, label) {
				out.InvalidLabels = append(out.InvalidLabels, label)
			}
		}
		return nil
	})
	if err != nil {
		return nil, or(missing(), err)
	}
	return out, nil
}
