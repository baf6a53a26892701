package cloudwatchlogs

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// usualPage and maxPage are the sizes of pages of groups and streams.
const usualPage = 50

// CreateLogGroup makes a group; with a KMS key, all its events will be sealed.
func (s *Service) CreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	call := wire.CallFrom(ctx)
	g := &group{
		Account: call.Account(), Name: *in.LogGroupName, Created: millis(s.Clock.Now()), Class: string(types.LogGroupClassStandard),
		Tags: in.Tags, Protected: aws.ToBool(in.DeletionProtectionEnabled),
	}
	if in.LogGroupClass != "" {
		g.Class = string(in.LogGroupClass)
	}
	if g.Class == string(types.LogGroupClassDelivery) {
		return nil, notImplemented("The class DELIVERY")
	}
	if err := checkTags(g.Tags); err != nil {
		return nil, err
	}
	var k *dataKey
	if in.KmsKeyId != nil {
		var err error
		if k, err = s.newDataKey(ctx, g, *in.KmsKeyId); err != nil {
			return nil, err
		}
	}
	call.Made = append(call.Made, wire.Resource{ARN: s.groupARN(g.Account, g.Name), Type: groupType})
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		if k != nil {
			if err := dataKeys.Insert(tx, k); err != nil {
				return err
			}
		}
		return groups.Insert(tx, g)
	})
	if errors.Is(err, store.ErrExists) {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("The specified log group already exists")}
	}
	return &cloudwatchlogs.CreateLogGroupOutput{}, err
}

// edit changes a group.
func (s *Service) edit(ctx context.Context, p place, to func(tx *store.Tx, g *group) error) error {
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		g, err := groups.Get(tx, p.account, p.group)
		if err != nil {
			return err
		}
		if err := to(tx, g); err != nil {
			return err
		}
		return groups.Put(tx, g)
	})
	if errors.Is(err, store.ErrNotFound) {
		return noGroup()
	}
	return err
}

// group reads a group.
func (s *Service) group(ctx context.Context, p place) (g *group, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		g, err = groups.Get(tx, p.account, p.group)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noGroup()
	}
	return g, err
}

// DeleteLogGroup deletes a group with all its streams and events. The group is gone
// at once; what was in it is removed in steps, and before a group of its name can be
// made again the last of it is.
func (s *Service) DeleteLogGroup(ctx context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, p)
	if err != nil {
		return nil, err
	}
	if g.Protected {
		return nil, invalid("The log group %s is protected from deletion.", g.Name)
	}
	if err := s.empty(ctx, p); err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		rows, err := store.Collect(streams.Scan(tx, store.Range{Prefix: store.K(p.account, p.group), Limit: perTx}))
		for _, row := range rows { // made while the group was emptied
			err = errors.Join(err, dropStream(tx, row))
		}
		keys, err2 := store.Collect(dataKeys.Scan(tx, store.Range{Prefix: store.K(p.account, p.group)}))
		for _, k := range keys {
			err2 = errors.Join(err2, dataKeys.Delete(tx, k.Account, k.Group, k.ID))
		}
		return errors.Join(err, err2, groups.Delete(tx, p.account, p.group))
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noGroup()
	}
	return &cloudwatchlogs.DeleteLogGroupOutput{}, err
}

// perTx is how many rows go in one transaction.
const perTx = 500

// empty removes a group's streams and blocks.
func (s *Service) empty(ctx context.Context, p place) error {
	for more := true; more; {
		err := s.DB.Update(ctx, func(tx *store.Tx) error {
			rows, err := store.Collect(blocks.Scan(tx, store.Range{Prefix: store.K(p.account, p.group), Limit: perTx}))
			for _, b := range rows {
				err = errors.Join(err, dropBlock(tx, b))
			}
			named, err2 := store.Collect(streams.Scan(tx, store.Range{Prefix: store.K(p.account, p.group), Limit: perTx}))
			if len(rows) < perTx { // streams last: they number the blocks
				for _, row := range named {
					err2 = errors.Join(err2, streams.Delete(tx, row.Account, row.Group, row.Name))
				}
			}
			more = len(rows) == perTx || len(named) == perTx
			return errors.Join(err, err2)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func dropBlock(tx *store.Tx, b *block) error {
	return blocks.Delete(tx, b.Account, b.Group, b.Stream, b.First, b.Number)
}

// DescribeLogGroups lists groups by name.
func (s *Service) DescribeLogGroups(ctx context.Context, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	if aws.ToBool(in.IncludeLinkedAccounts) || len(in.AccountIdentifiers) > 0 || len(in.LogGroupIdentifiers) > 0 {
		return nil, notImplemented("One of includeLinkedAccounts, accountIdentifiers and logGroupIdentifiers")
	}
	if in.LogGroupNamePattern != nil && in.LogGroupNamePrefix != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	account := wire.CallFrom(ctx).Account()
	const kind = "cloudwatchlogs.DescribeLogGroups"
	from, err := after(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	size := sizeOf(in.Limit)
	out := &cloudwatchlogs.DescribeLogGroupsOutput{}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		out.LogGroups, out.NextToken = []types.LogGroup{}, nil
		last := ""
		for g, err := range groups.Scan(tx, store.Range{Prefix: store.KPrefix(account, aws.ToString(in.LogGroupNamePrefix)), After: from}) {
			if err != nil {
				return err
			}
			if !takes(in, g) {
				continue
			}
			if len(out.LogGroups) == size {
				out.NextToken = aws.String(page.Token(kind, store.K(account, last)))
				return nil
			}
			bytes, err := storedBytes(tx, g)
			if err != nil {
				return err
			}
			out.LogGroups, last = append(out.LogGroups, s.show(g, bytes)), g.Name
		}
		return nil
	})
	return out, err
}

// takes tells whether a group is one of those that are asked for.
func takes(in *cloudwatchlogs.DescribeLogGroupsInput, g *group) bool {
	return strings.Contains(strings.ToLower(g.Name), strings.ToLower(aws.ToString(in.LogGroupNamePattern))) &&
		(in.LogGroupClass == "" || string(in.LogGroupClass) == g.Class)
}

// storedBytes adds up a group's events, compressed, as AWS does.
func storedBytes(tx *store.Tx, g *group) (sum int64, err error) {
	for b, err := range blocks.Scan(tx, store.Range{Prefix: store.K(g.Account, g.Name)}) {
		if err != nil {
			return 0, err
		}
		sum += int64(len(b.Data))
	}
	return sum, nil
}

func (s *Service) show(g *group, bytes int64) types.LogGroup {
	name := s.groupARN(g.Account, g.Name)
	out := types.LogGroup{
		LogGroupName: &g.Name, Arn: aws.String(name + ":*"), LogGroupArn: &name, CreationTime: &g.Created, StoredBytes: &bytes,
		MetricFilterCount: aws.Int32(0), LogGroupClass: types.LogGroupClass(g.Class), DeletionProtectionEnabled: &g.Protected,
	}
	if g.Retention > 0 {
		out.RetentionInDays = &g.Retention
	}
	if g.KMSKey != "" {
		out.KmsKeyId = &g.KMSKey
	}
	return out
}

func sizeOf(limit *int32) int {
	if limit == nil {
		return usualPage
	}
	return int(*limit)
}

// after is where a list goes on.
func after(kind string, token *string) (store.Key, error) {
	if token == nil {
		return nil, nil
	}
	at, err := page.Position(kind, *token)
	if err != nil {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return store.Key(at), nil
}

// retentions are the days that AWS takes (API Reference, PutRetentionPolicy).
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy says how long events are kept.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]", *in.RetentionInDays)
	}
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, s.retain(ctx, in.LogGroupName, *in.RetentionInDays)
}

// DeleteRetentionPolicy keeps events for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *cloudwatchlogs.DeleteRetentionPolicyInput) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
	return &cloudwatchlogs.DeleteRetentionPolicyOutput{}, s.retain(ctx, in.LogGroupName, 0)
}

func (s *Service) retain(ctx context.Context, name *string, days int32) error {
	p, err := s.at(ctx, name, nil)
	if err != nil {
		return err
	}
	err = s.edit(ctx, p, func(_ *store.Tx, g *group) error {
		g.Retention = days
		return nil
	})
	s.wake()
	return err
}
