package cloudwatch_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func put(ctx context.Context, c *cloudwatch.Client, namespace string, data ...types.MetricDatum) error {
	_, err := c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: data})
	return err
}

func mustPut(t *testing.T, c *cloudwatch.Client, namespace string, data ...types.MetricDatum) {
	t.Helper()
	if err := put(t.Context(), c, namespace, data...); err != nil {
		t.Fatalf("PutMetricData: %v", err)
	}
}

func value(name string, v float64) types.MetricDatum {
	return types.MetricDatum{MetricName: &name, Value: &v}
}

func dimensions(pairs ...string) []types.Dimension {
	var out []types.Dimension
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, types.Dimension{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return out
}

// TestPutRefuses sends what CloudWatch does not take (CloudWatch API Reference,
// PutMetricData and MetricDatum).
func TestPutRefuses(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudwatch.NewFromConfig(srv.Config)
	now := srv.Clock.Now()
	with := func(change func(*types.MetricDatum)) []types.MetricDatum {
		d := value("hits", 1)
		change(&d)
		return []types.MetricDatum{d}
	}
	many := make([]types.MetricDatum, 1001)
	for i := range many {
		many[i] = value("hits", 1)
	}
	var wide []string
	for i := range 31 {
		wide = append(wide, fmt.Sprintf("d%d", i), "v")
	}
	for name, tt := range map[string]struct {
		data []types.MetricDatum
		want string
	}{
		"nothing":               {nil, "MissingParameter"},
		"too many":              {many, "InvalidParameterValue"},
		"not a number":          {[]types.MetricDatum{value("hits", math.NaN())}, "InvalidParameterValue"},
		"infinite":              {[]types.MetricDatum{value("hits", math.Inf(-1))}, "InvalidParameterValue"},
		"too large":             {[]types.MetricDatum{value("hits", 0x1p361)}, "InvalidParameterValue"},
		"no value":              {with(func(d *types.MetricDatum) { d.Value = nil }), "InvalidParameterCombination"},
		"two forms":             {with(func(d *types.MetricDatum) { d.Values = []float64{1} }), "InvalidParameterCombination"},
		"counts without values": {with(func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1, 2}, []float64{1} }), "InvalidParameterValue"},
		"negative count":        {with(func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1, 2}, []float64{-1, 2} }), "InvalidParameterValue"},
		"no counts":             {with(func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1}, []float64{0} }), "InvalidParameterValue"},
		"too old":               {with(func(d *types.MetricDatum) { d.Timestamp = aws.Time(now.Add(-15 * 24 * time.Hour)) }), "InvalidParameterValue"},
		"too new":               {with(func(d *types.MetricDatum) { d.Timestamp = aws.Time(now.Add(3 * time.Hour)) }), "InvalidParameterValue"},
		"too many dimensions":   {with(func(d *types.MetricDatum) { d.Dimensions = dimensions(wide...) }), "ValidationError"},
		"a unit that is none":   {with(func(d *types.MetricDatum) { d.Unit = "Parsec" }), "ValidationError"},
		"no name":               {with(func(d *types.MetricDatum) { d.MetricName = aws.String("") }), "ValidationError"},
	} {
		err := put(t.Context(), c, "app", tt.data...)
		if code := garrisontest.ErrorCode(err); code != tt.want {
			t.Errorf("%s: PutMetricData = %v, want %s", name, err, tt.want)
		}
	}
	out, err := c.ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{})
	if err != nil || len(out.Metrics) != 0 {
		t.Errorf("ListMetrics = %+v, %v; want nothing kept of what was refused", out, err)
	}
	mustPut(t, c, "app", many[:1000]...)
}

// TestListMetrics finds metrics by namespace, name, dimensions and age.
func TestListMetrics(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudwatch.NewFromConfig(srv.Config)
	mustPut(t, c, "app", types.MetricDatum{MetricName: aws.String("old"), Value: aws.Float64(1)})
	srv.Clock.Advance(4 * time.Hour)
	for _, host := range []string{"a", "b"} {
		mustPut(t, c, "app", types.MetricDatum{MetricName: aws.String("hits"), Value: aws.Float64(1), Dimensions: dimensions("Host", host, "Zone", "1")})
	}
	mustPut(t, c, "db", value("rows", 1))
	for _, tt := range []struct {
		name string
		in   cloudwatch.ListMetricsInput
		want string
	}{
		{"all", cloudwatch.ListMetricsInput{}, "app/hits app/hits app/old db/rows"},
		{"namespace", cloudwatch.ListMetricsInput{Namespace: aws.String("db")}, "db/rows"},
		{"name", cloudwatch.ListMetricsInput{MetricName: aws.String("old")}, "app/old"},
		{"dimension", cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("Host"), Value: aws.String("b")}}}, "app/hits"},
		{"dimension with any value", cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("Host")}}}, "app/hits app/hits"},
		{"no such dimension", cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("Rack")}}}, ""},
		{"recently", cloudwatch.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h}, "app/hits app/hits db/rows"},
	} {
		out, err := c.ListMetrics(t.Context(), &tt.in)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		var got []string
		for _, m := range out.Metrics {
			got = append(got, *m.Namespace+"/"+*m.MetricName)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
	other := cloudwatch.NewFromConfig(srv.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	if out, err := other.ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{}); err != nil || len(out.Metrics) != 0 {
		t.Errorf("another account's ListMetrics = %+v, %v; want none", out, err)
	}
	if _, err := c.ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{NextToken: aws.String("made-up")}); garrisontest.ErrorCode(err) == "" {
		t.Error("a made-up token is taken")
	}
	srv.Clock.Advance(16 * 24 * time.Hour)
	if out, err := c.ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{}); err != nil || len(out.Metrics) != 0 {
		t.Errorf("ListMetrics after the retention = %+v, %v; want none", out, err)
	}
}

// TestListMetricsPages lists more than a page holds.
func TestListMetricsPages(t *testing.T) {
	t.Parallel()
	c := cloudwatch.NewFromConfig(garrisontest.Start(t).Config)
	var data []types.MetricDatum
	for i := range 501 {
		data = append(data, value(fmt.Sprintf("m%03d", i), 1))
	}
	mustPut(t, c, "app", data...)
	var pages []int
	seen := map[string]bool{}
	for p := cloudwatch.NewListMetricsPaginator(c, &cloudwatch.ListMetricsInput{}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(out.Metrics))
		for _, m := range out.Metrics {
			seen[*m.MetricName] = true
		}
	}
	if !slices.Equal(pages, []int{500, 1}) || len(seen) != 501 {
		t.Errorf("pages = %v with %d names, want 500 and 1 with 501", pages, len(seen))
	}
}
