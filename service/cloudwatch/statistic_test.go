package cloudwatch_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

var everything = []types.Statistic{
	types.StatisticAverage, types.StatisticSum, types.StatisticMinimum, types.StatisticMaximum, types.StatisticSampleCount,
}

// TestStatistics sums up what was put in all three forms, by periods and units.
func TestStatistics(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudwatch.NewFromConfig(srv.Config)
	begin := srv.Clock.Now().Truncate(time.Hour).Add(-2 * time.Hour)
	at := func(minutes int, d types.MetricDatum) types.MetricDatum {
		d.MetricName, d.Timestamp, d.Unit = aws.String("latency"), aws.Time(begin.Add(time.Duration(minutes)*time.Minute)), types.StandardUnitSeconds
		return d
	}
	mustPut(t, c, "app",
		at(0, types.MetricDatum{Value: aws.Float64(4)}),
		at(1, types.MetricDatum{Values: []float64{1, 3}, Counts: []float64{2, 1}}),
		at(6, types.MetricDatum{StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(10), Sum: aws.Float64(50), Minimum: aws.Float64(-1), Maximum: aws.Float64(9)}}),
		at(6, types.MetricDatum{Value: aws.Float64(10)}),
		at(60, types.MetricDatum{Value: aws.Float64(7)}), // the end itself is left out
	)
	out, err := c.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("app"), MetricName: aws.String("latency"), Period: aws.Int32(300), Statistics: everything,
		StartTime: &begin, EndTime: aws.Time(begin.Add(time.Hour)),
	})
	if err != nil {
		t.Fatal(err)
	}
	type point struct{ average, sum, minimum, maximum, count float64 }
	want := map[time.Time]point{
		begin:                      {2.25, 9, 1, 4, 4},
		begin.Add(5 * time.Minute): {60.0 / 11, 60, -1, 10, 11},
	}
	if len(out.Datapoints) != len(want) {
		t.Fatalf("%d data points, want %d: %+v", len(out.Datapoints), len(want), out.Datapoints)
	}
	for _, d := range out.Datapoints {
		if got := (point{*d.Average, *d.Sum, *d.Minimum, *d.Maximum, *d.SampleCount}); got != want[d.Timestamp.UTC()] || d.Unit != types.StandardUnitSeconds {
			t.Errorf("%v = %+v %s, want %+v", d.Timestamp, got, d.Unit, want[d.Timestamp.UTC()])
		}
	}
}

// TestStatisticsSelect reads only what is asked for: the unit, the dimensions in
// any order, the statistic.
func TestStatisticsSelect(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudwatch.NewFromConfig(srv.Config)
	for _, d := range []types.MetricDatum{
		{Value: aws.Float64(1), Unit: types.StandardUnitBytes},
		{Value: aws.Float64(2), Unit: types.StandardUnitBits},
		{Value: aws.Float64(4), Dimensions: dimensions("B", "2", "A", "1")},
	} {
		d.MetricName = aws.String("size")
		mustPut(t, c, "app", d)
	}
	now := srv.Clock.Now()
	for name, tt := range map[string]struct {
		unit types.StandardUnit
		dims []types.Dimension
		want float64
	}{
		"bytes":                        {types.StandardUnitBytes, nil, 1},
		"any unit, one point each":     {"", nil, 3},
		"a unit without data":          {types.StandardUnitPercent, nil, 0},
		"dimensions in another order":  {"", dimensions("A", "1", "B", "2"), 4},
		"one of two dimensions":        {"", dimensions("A", "1"), 0},
		"dimensions of another metric": {"", dimensions("A", "1", "B", "3"), 0},
	} {
		out, err := c.GetMetricStatistics(t.Context(), &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("app"), MetricName: aws.String("size"), Period: aws.Int32(60), Statistics: []types.Statistic{types.StatisticSum},
			StartTime: aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now.Add(time.Hour)), Unit: tt.unit, Dimensions: tt.dims,
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		total := 0.0
		for _, d := range out.Datapoints {
			total += *d.Sum
			if d.Average != nil || d.SampleCount != nil {
				t.Errorf("%s: %+v holds what was not asked for", name, d)
			}
		}
		if total != tt.want {
			t.Errorf("%s: sum = %v, want %v", name, total, tt.want)
		}
	}
}

// TestStatisticsRefuses asks for what cannot be answered.
func TestStatisticsRefuses(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudwatch.NewFromConfig(srv.Config)
	now := srv.Clock.Now()
	for name, tt := range map[string]struct {
		change func(*cloudwatch.GetMetricStatisticsInput)
		want   string
	}{
		"no statistics":      {func(in *cloudwatch.GetMetricStatisticsInput) { in.Statistics = nil }, "MissingParameter"},
		"period of a second": {func(in *cloudwatch.GetMetricStatisticsInput) { in.Period = aws.Int32(90) }, "InvalidParameterValue"},
		"no period":          {func(in *cloudwatch.GetMetricStatisticsInput) { in.Period = aws.Int32(0) }, "ValidationError"},
		"end before begin":   {func(in *cloudwatch.GetMetricStatisticsInput) { in.EndTime = aws.Time(now.Add(-2 * time.Hour)) }, "InvalidParameterValue"},
		"too many points":    {func(in *cloudwatch.GetMetricStatisticsInput) { in.StartTime = aws.Time(now.Add(-25 * time.Hour)) }, "InvalidParameterCombination"},
		"percentiles":        {func(in *cloudwatch.GetMetricStatisticsInput) { in.ExtendedStatistics = []string{"p99"} }, "NotImplemented"},
	} {
		in := &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("app"), MetricName: aws.String("size"), Period: aws.Int32(60), Statistics: everything,
			StartTime: aws.Time(now.Add(-time.Hour)), EndTime: &now,
		}
		tt.change(in)
		_, err := c.GetMetricStatistics(t.Context(), in)
		if code := garrisontest.ErrorCode(err); code != tt.want {
			t.Errorf("%s: GetMetricStatistics = %v, want %s", name, err, tt.want)
		}
	}
}
