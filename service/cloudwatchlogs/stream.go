package cloudwatchlogs

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

// CreateLogStream makes a stream.
func (s *Service) CreateLogStream(ctx context.Context, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	row := &stream{Account: p.account, Group: p.group, Name: *in.LogStreamName, Created: millis(s.Clock.Now())}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		if _, err := groups.Get(tx, p.account, p.group); err != nil {
			return err
		}
		return streams.Insert(tx, row)
	})
	switch {
	case errors.Is(err, store.ErrExists):
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("The specified log stream already exists")}
	case errors.Is(err, store.ErrNotFound):
		return nil, noGroup()
	}
	return &cloudwatchlogs.CreateLogStreamOutput{}, err
}

// DeleteLogStream deletes a stream with its events.
func (s *Service) DeleteLogStream(ctx context.Context, in *cloudwatchlogs.DeleteLogStreamInput) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	for more := true; more; {
		err := s.DB.Update(ctx, func(tx *store.Tx) error {
			row, err := streams.Get(tx, p.account, p.group, *in.LogStreamName)
			if err != nil {
				return err
			}
			rows, err := store.Collect(blocks.Scan(tx, store.Range{Prefix: store.K(p.account, p.group, row.Name), Limit: perTx}))
			for _, b := range rows {
				err = errors.Join(err, dropBlock(tx, b))
			}
			if more = len(rows) == perTx; more {
				return err
			}
			return errors.Join(err, streams.Delete(tx, row.Account, row.Group, row.Name))
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil, noStream()
		}
		if err != nil {
			return nil, err
		}
	}
	return &cloudwatchlogs.DeleteLogStreamOutput{}, nil
}

// dropStream deletes a stream that has few blocks.
func dropStream(tx *store.Tx, row *stream) error {
	rows, err := store.Collect(blocks.Scan(tx, store.Range{Prefix: store.K(row.Account, row.Group, row.Name)}))
	for _, b := range rows {
		err = errors.Join(err, dropBlock(tx, b))
	}
	return errors.Join(err, streams.Delete(tx, row.Account, row.Group, row.Name))
}

// DescribeLogStreams lists a group's streams by name or by their last event.
func (s *Service) DescribeLogStreams(ctx context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	if _, err := s.group(ctx, p); err != nil {
		return nil, err
	}
	kind := "cloudwatchlogs.DescribeLogStreams " + p.group + " " + string(in.OrderBy)
	from, err := after(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	size := sizeOf(in.Limit)
	r := store.Range{Prefix: store.KPrefix(p.account, p.group, aws.ToString(in.LogStreamNamePrefix)), After: from, Reverse: aws.ToBool(in.Descending), Limit: size + 1}
	var rows []*stream
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if byTime {
			r.Prefix = store.K(p.account, p.group)
			rows, err = store.Collect(streams.ScanIndex(tx, "last", r))
		} else {
			rows, err = store.Collect(streams.Scan(tx, r))
		}
		return err
	})
	out := &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: []types.LogStream{}}
	for i, row := range rows {
		if i == size {
			last := rows[i-1]
			at := store.K(last.Account, last.Group, last.Name)
			if byTime {
				at = streams.IndexAfter(store.K(last.Account, last.Group, last.Last, last.Name), last)
			}
			out.NextToken = aws.String(page.Token(kind, at))
			break
		}
		out.LogStreams = append(out.LogStreams, s.showStream(row))
	}
	return out, err
}

func (s *Service) showStream(row *stream) types.LogStream {
	out := types.LogStream{
		LogStreamName: &row.Name, CreationTime: &row.Created, StoredBytes: aws.Int64(0),
		Arn: aws.String(s.streamARN(row.Account, row.Group, row.Name)), UploadSequenceToken: aws.String(sequenceToken),
	}
	if row.Ingested > 0 {
		out.FirstEventTimestamp, out.LastEventTimestamp, out.LastIngestionTime = &row.First, &row.Last, &row.Ingested
	}
	return out
}
