package cloudwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Limits of PutMetricData and how long data points of a minute are kept
// (CloudWatch User Guide, "Metrics retention").
const (
	maxData       = 1000
	maxDimensions = 30
	oldestPoint   = 14 * 24 * time.Hour
	newestPoint   = 2 * time.Hour
	retention     = 15 * 24 * time.Hour
	resolution    = time.Minute
)

// A metric is a series that data was put for. Key is its dimensions, sorted.
type metric struct {
	Account    string      `cbor:"1,keyasint"`
	Namespace  string      `cbor:"2,keyasint"`
	Name       string      `cbor:"3,keyasint"`
	Key        string      `cbor:"4,keyasint"`
	Dimensions [][2]string `cbor:"5,keyasint,omitempty"`
	Last       time.Time   `cbor:"6,keyasint"`
}

var metrics = store.NewTable("cloudwatch.metric",
	func(m *metric) store.Key { return store.K(m.Account, m.Namespace, m.Name, m.Key) },
	store.Expires(func(m *metric) time.Time { return m.Last.Add(retention) }))

// A point is what one minute of a metric adds up to, in one unit.
type point struct {
	Account   string    `cbor:"1,keyasint"`
	Namespace string    `cbor:"2,keyasint"`
	Name      string    `cbor:"3,keyasint"`
	Key       string    `cbor:"4,keyasint"`
	Minute    time.Time `cbor:"5,keyasint"`
	Unit      string    `cbor:"6,keyasint"`
	Stats     stats     `cbor:"7,keyasint"`
}

var points = store.NewTable("cloudwatch.point",
	func(p *point) store.Key {
		return store.K(p.Account, p.Namespace, p.Name, p.Key, p.Minute, p.Unit)
	},
	store.Expires(func(p *point) time.Time { return p.Minute.Add(retention) }))

// PutMetricData adds data points to their metrics. Those of one minute and unit
// become one.
func (s *Service) PutMetricData(ctx context.Context, in *cloudwatch.PutMetricDataInput) (*cloudwatch.PutMetricDataOutput, error) {
	if len(in.MetricData) == 0 {
		return nil, missingParameter("The parameter MetricData is required.")
	}
	if len(in.MetricData) > maxData {
		return nil, invalid(fmt.Sprintf("The collection MetricData must not have a size greater than %d.", maxData))
	}
	call := wire.CallFrom(ctx)
	parsed := make([]point, 0, len(in.MetricData))
	dimensions := make([][][2]string, 0, len(in.MetricData))
	for i := range in.MetricData {
		p, dims, err := parseDatum(&in.MetricData[i], call.Time)
		if err != nil {
			return nil, err
		}
		p.Account, p.Namespace = call.Account(), *in.Namespace
		parsed, dimensions = append(parsed, p), append(dimensions, dims)
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		for i := range parsed {
			if err := add(tx, parsed[i], dimensions[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudwatch.PutMetricDataOutput{}, nil
}

func add(tx *store.Tx, p point, dims [][2]string) error {
	old, err := points.Get(tx, p.Account, p.Namespace, p.Name, p.Key, p.Minute, p.Unit)
	switch {
	case err == nil:
		p.Stats.add(old.Stats)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if err := points.Put(tx, &p); err != nil {
		return err
	}
	m := metric{Account: p.Account, Namespace: p.Namespace, Name: p.Name, Key: p.Key, Dimensions: dims, Last: tx.Now()}
	return metrics.Put(tx, &m)
}

func parseDatum(d *types.MetricDatum, now time.Time) (point, [][2]string, error) {
	p := point{Name: *d.MetricName, Unit: string(d.Unit), Minute: now.Truncate(resolution)}
	if p.Unit == "" {
		p.Unit = string(types.StandardUnitNone)
	}
	if at := d.Timestamp; at != nil {
		if at.Before(now.Add(-oldestPoint)) || at.After(now.Add(newestPoint)) {
			return p, nil, invalid("The value for the parameter Timestamp is out of range: at most two weeks old, at most two hours ahead.")
		}
		p.Minute = at.UTC().Truncate(resolution)
	}
	if len(d.Dimensions) > maxDimensions {
		return p, nil, invalid(fmt.Sprintf("The collection Dimensions must not have a size greater than %d.", maxDimensions))
	}
	dims := sorted(d.Dimensions)
	p.Key = key(dims)
	var err error
	p.Stats, err = statsOf(d)
	return p, dims, err
}

func sorted(list []types.Dimension) [][2]string {
	out := make([][2]string, 0, len(list))
	for _, d := range list {
		out = append(out, [2]string{aws.ToString(d.Name), aws.ToString(d.Value)})
	}
	slices.SortFunc(out, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return out
}

// key writes dimensions so that different ones never come out the same.
func key(dims [][2]string) string {
	var b strings.Builder
	for _, d := range dims {
		fmt.Fprintf(&b, "%d:%s%d:%s", len(d[0]), d[0], len(d[1]), d[1])
	}
	return b.String()
}

const (
	listPage  = 500 // CloudWatch API Reference, ListMetrics
	listToken = "cloudwatch.ListMetrics"
	recently  = 3 * time.Hour
)

// ListMetrics lists metrics that had data within two weeks, by namespace, name
// and dimensions.
func (s *Service) ListMetrics(ctx context.Context, in *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
	account := wire.CallFrom(ctx).Account()
	r := store.Range{Prefix: store.K(account)}
	if in.NextToken != nil {
		after, err := page.Position(listToken, *in.NextToken)
		if err != nil {
			return nil, invalid("The NextToken is not valid.")
		}
		r.After = store.Key(after)
	}
	out := &cloudwatch.ListMetricsOutput{Metrics: []types.Metric{}}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		var last *metric
		for m, err := range metrics.Scan(tx, r) {
			if err != nil {
				return err
			}
			if !m.listed(in, tx.Now()) {
				continue
			}
			if len(out.Metrics) == listPage {
				out.NextToken = aws.String(page.Token(listToken, store.K(last.Account, last.Namespace, last.Name, last.Key)))
				return nil
			}
			out.Metrics = append(out.Metrics, m.api())
			last = m
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (m *metric) listed(in *cloudwatch.ListMetricsInput, now time.Time) bool {
	if in.Namespace != nil && *in.Namespace != m.Namespace || in.MetricName != nil && *in.MetricName != m.Name {
		return false
	}
	if in.RecentlyActive != "" && now.Sub(m.Last) > recently {
		return false
	}
	for _, f := range in.Dimensions {
		if !slices.ContainsFunc(m.Dimensions, func(d [2]string) bool {
			return d[0] == aws.ToString(f.Name) && (f.Value == nil || d[1] == *f.Value)
		}) {
			return false
		}
	}
	return true
}

func (m *metric) api() types.Metric {
	out := types.Metric{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: []types.Dimension{}}
	for _, d := range m.Dimensions {
		out.Dimensions = append(out.Dimensions, types.Dimension{Name: aws.String(d[0]), Value: aws.String(d[1])})
	}
	return out
}

func (s *Service) onPut(_ context.Context, in *cloudwatch.PutMetricDataInput) (authz.Target, error) {
	return authz.Target{Resource: "*", Conditions: map[string][]string{"cloudwatch:namespace": {*in.Namespace}}}, nil
}

func (s *Service) onList(context.Context, *cloudwatch.ListMetricsInput) (authz.Target, error) {
	return authz.Any(), nil
}

// maxMagnitude bounds what a value may be (CloudWatch API Reference, MetricDatum,
// Value). What is within it adds up for ever without becoming infinite.
const maxMagnitude = 0x1p360

// finite reports whether a value may be kept; NaN compares as false.
func finite(f float64) bool { return math.Abs(f) <= maxMagnitude }
