package cloudwatch

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// stats is what values add up to.
type stats struct {
	Count float64 `cbor:"1,keyasint"`
	Sum   float64 `cbor:"2,keyasint"`
	Min   float64 `cbor:"3,keyasint"`
	Max   float64 `cbor:"4,keyasint"`
}

func (s *stats) add(o stats) {
	if s.Count == 0 {
		*s = o
		return
	}
	s.Count += o.Count
	s.Sum += o.Sum
	s.Min, s.Max = min(s.Min, o.Min), max(s.Max, o.Max)
}

// statsOf reads the one form out of three in which a datum gives its values.
func statsOf(d *types.MetricDatum) (stats, error) {
	switch {
	case d.StatisticValues != nil && d.Value == nil && len(d.Values) == 0:
		v := d.StatisticValues
		return checked(stats{*v.SampleCount, *v.Sum, *v.Minimum, *v.Maximum})
	case d.Value != nil && d.StatisticValues == nil && len(d.Values) == 0:
		return checked(stats{1, *d.Value, *d.Value, *d.Value})
	case len(d.Values) > 0 && d.Value == nil && d.StatisticValues == nil:
		return statsOfValues(d.Values, d.Counts)
	default:
		return stats{}, &types.InvalidParameterCombinationException{
			Message: aws.String("Give exactly one of Value, Values and StatisticValues."),
		}
	}
}

func statsOfValues(values, counts []float64) (stats, error) {
	if len(counts) > 0 && len(counts) != len(values) {
		return stats{}, invalid("The collections Values and Counts must have the same size.")
	}
	var total stats
	for i, v := range values {
		n := 1.0
		if len(counts) > 0 {
			n = counts[i]
		}
		if !(n >= 0) {
			return stats{}, invalid("The collection Counts must hold no negative numbers.")
		}
		total.add(stats{n, v * n, v, v})
	}
	return checked(total)
}

func checked(s stats) (stats, error) {
	if !finite(s.Sum) || !finite(s.Min) || !finite(s.Max) || !(s.Count > 0) || !finite(s.Count) {
		return s, invalid("The values must be finite numbers, and their count greater than zero.")
	}
	return s, nil
}

const (
	maxPoints = 1440 // CloudWatch API Reference, GetMetricStatistics
	minPeriod = 60
)

// GetMetricStatistics sums a metric up by periods.
func (s *Service) GetMetricStatistics(ctx context.Context, in *cloudwatch.GetMetricStatisticsInput) (*cloudwatch.GetMetricStatisticsOutput, error) {
	if err := checkStatistics(in); err != nil {
		return nil, err
	}
	period := time.Duration(*in.Period) * time.Second
	begin, end := in.StartTime.UTC().Truncate(resolution), in.EndTime.UTC()
	account, series := wire.CallFrom(ctx).Account(), key(sorted(in.Dimensions))
	out := &cloudwatch.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	sums := newSums(begin, period)
	err := s.db.View(ctx, func(tx *store.Tx) error {
		r := store.Range{
			Prefix: store.K(account, *in.Namespace, *in.MetricName, series),
			After:  store.K(account, *in.Namespace, *in.MetricName, series, begin),
		}
		for p, err := range points.Scan(tx, r) {
			if err != nil {
				return err
			}
			if !p.Minute.Before(end) {
				return nil
			}
			if in.Unit == "" || string(in.Unit) == p.Unit {
				sums.add(p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, b := range sums.order {
		out.Datapoints = append(out.Datapoints, b.api(in.Statistics))
	}
	return out, nil
}

func checkStatistics(in *cloudwatch.GetMetricStatisticsInput) error {
	if len(in.ExtendedStatistics) > 0 {
		return &smithy.GenericAPIError{Code: "NotImplemented", Message: "GetMetricStatistics has no ExtendedStatistics here: values are kept as sums.", Fault: smithy.FaultServer}
	}
	if len(in.Statistics) == 0 {
		return missingParameter("Must specify either Statistics or ExtendedStatistics")
	}
	if p := *in.Period; p%minPeriod != 0 {
		return invalid("The parameter Period must be a multiple of 60.")
	}
	if !in.StartTime.Before(*in.EndTime) {
		return invalid("The parameter StartTime must be less than the parameter EndTime.")
	}
	if n := in.EndTime.Sub(*in.StartTime) / (time.Duration(*in.Period) * time.Second); n > maxPoints {
		return &types.InvalidParameterCombinationException{
			Message: aws.String("You have requested more than 1,440 datapoints. You may reduce the datapoints requested by increasing Period, or decreasing the time range."),
		}
	}
	return nil
}

// sums collects points into periods, one for each unit.
type sums struct {
	begin  time.Time
	period time.Duration
	bucket map[bucketKey]*bucket
	order  []*bucket
}

type bucketKey struct {
	n    int64
	unit string
}

// A bucket is one period of one unit.
type bucket struct {
	at    time.Time
	unit  string
	stats stats
}

func newSums(begin time.Time, period time.Duration) *sums {
	return &sums{begin: begin, period: period, bucket: map[bucketKey]*bucket{}}
}

func (s *sums) add(p *point) {
	k := bucketKey{int64(p.Minute.Sub(s.begin) / s.period), p.Unit}
	b := s.bucket[k]
	if b == nil {
		b = &bucket{at: s.begin.Add(time.Duration(k.n) * s.period), unit: p.Unit}
		s.bucket[k] = b
		s.order = append(s.order, b)
	}
	b.stats.add(p.Stats)
}

func (b *bucket) api(want []types.Statistic) types.Datapoint {
	out := types.Datapoint{Timestamp: &b.at, Unit: types.StandardUnit(b.unit)}
	for _, w := range want {
		switch w {
		case types.StatisticAverage:
			out.Average = aws.Float64(b.stats.Sum / b.stats.Count)
		case types.StatisticSum:
			out.Sum = &b.stats.Sum
		case types.StatisticMinimum:
			out.Minimum = &b.stats.Min
		case types.StatisticMaximum:
			out.Maximum = &b.stats.Max
		case types.StatisticSampleCount:
			out.SampleCount = &b.stats.Count
		}
	}
	return out
}

func invalid(message string) error {
	return &types.InvalidParameterValueException{Message: &message}
}

func missingParameter(message string) error {
	return &types.MissingRequiredParameterException{Message: &message}
}

func (s *Service) onStatistics(context.Context, *cloudwatch.GetMetricStatisticsInput) (authz.Target, error) {
	return authz.Any(), nil
}
