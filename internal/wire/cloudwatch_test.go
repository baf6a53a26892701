package wire_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// TestCloudWatchProtocols sends one call in the three protocols that CloudWatch
// speaks: newer SDKs use CBOR, some JSON, and the aws CLI of older systems awsQuery.
func TestCloudWatchProtocols(t *testing.T) {
	t.Parallel()
	s := bind(t, "cloudwatch")
	put, _ := s.Operation("PutMetricData")
	want := &cloudwatch.PutMetricDataInput{Namespace: aws.String("n"), MetricData: []types.MetricDatum{{
		MetricName: aws.String("m"), Value: aws.Float64(1.5), Unit: types.StandardUnitCount,
		Timestamp:  aws.Time(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		Dimensions: []types.Dimension{{Name: aws.String("a"), Value: aws.String("b")}},
	}}}
	query := "Action=PutMetricData&Version=2010-08-01&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=1.5" +
		"&MetricData.member.1.Unit=Count&MetricData.member.1.Timestamp=2026-01-02T03%3A04%3A05Z" +
		"&MetricData.member.1.Dimensions.member.1.Name=a&MetricData.member.1.Dimensions.member.1.Value=b"
	json := `{"Namespace":"n","MetricData":[{"MetricName":"m","Value":1.5,"Unit":"Count","Timestamp":1767323045,"Dimensions":[{"Name":"a","Value":"b"}]}]}`
	cbor := "\xbf\x69Namespace\x61n\x6aMetricData\x81\xa5\x6aMetricName\x61m\x65Value\xf9\x3e\x00\x64Unit\x65Count" +
		"\x69Timestamp\xc1\x1a\x69\x57\x35\xa5\x6aDimensions\x81\xa2\x64Name\x61a\x65Value\x7f\x60\x61b\xff\xff"
	for _, tt := range []struct {
		name     string
		protocol wire.Protocol
		req      wire.Request
	}{
		{"query", wire.Query, wire.Request{Body: []byte(query)}},
		{"query in a GET", wire.Query, wire.Request{RawQuery: query}},
		{"JSON", wire.JSON10, wire.Request{Body: []byte(json)}},
		{"JSON, compressed", wire.JSON10, wire.Request{Body: compressed(t, json), Header: http.Header{"Content-Encoding": {"gzip"}}}},
		{"CBOR", wire.CBOR, wire.Request{Body: []byte(cbor)}},
	} {
		got, err := s.Decode(tt.protocol, put, &tt.req)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(cloudwatch.PutMetricDataInput{}, types.MetricDatum{}, types.Dimension{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func compressed(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestCompressionBomb sends a body of 10 KB that becomes 10 MB.
func TestCompressionBomb(t *testing.T) {
	t.Parallel()
	body := compressed(t, strings.Repeat(" ", 10<<20)+"{}")
	e := decode(t, bind(t, "cloudwatch"), wire.JSON10, "PutMetricData", &wire.Request{
		Body: body, Header: http.Header{"Content-Encoding": {"gzip"}},
	})
	if e == nil || e.Code != "SerializationException" {
		t.Errorf("a compression bomb: %v, want a SerializationException", e)
	}
}

// TestCloudWatchAnswers compares one answer in the two protocols that the Go SDK
// does not speak, byte for byte.
func TestCloudWatchAnswers(t *testing.T) {
	t.Parallel()
	s := bind(t, "cloudwatch")
	op, _ := s.Operation("GetMetricStatistics")
	out := &cloudwatch.GetMetricStatisticsOutput{Label: aws.String("m<"), Datapoints: []types.Datapoint{
		{Timestamp: aws.Time(time.UnixMilli(1767323045250)), Sum: aws.Float64(2)},
	}}
	for p, want := range map[wire.Protocol]string{
		wire.JSON10: `{"Label":"m<","Datapoints":[{"Timestamp":1767323045.25,"Sum":2}]}`,
		wire.Query: `<GetMetricStatisticsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><GetMetricStatisticsResult>` +
			`<Label>m&lt;</Label><Datapoints><member><Timestamp>2026-01-02T03:04:05.25Z</Timestamp><Sum>2</Sum></member></Datapoints>` +
			`</GetMetricStatisticsResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetMetricStatisticsResponse>`,
	} {
		r, err := s.Encode(p, op, out, "r")
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.Body); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		r.Free()
	}
}

func TestGetMetricData(t *testing.T) {
	t.Parallel()
	cfg := start(t, bind(t, "cloudwatch"), func(_ *wire.Operation, in any) (any, error) {
		q := in.(*cloudwatch.GetMetricDataInput).MetricDataQueries[0]
		return &cloudwatch.GetMetricDataOutput{MetricDataResults: []types.MetricDataResult{
			{Id: q.Id, Values: []float64{1, 2.5}, StatusCode: types.StatusCodeComplete},
		}}, nil
	})
	out, err := cloudwatch.NewFromConfig(cfg).GetMetricData(context.Background(), &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(time.Unix(0, 0)), EndTime: aws.Time(time.Unix(60, 0)),
		MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("q1"), Expression: aws.String("1+1")}},
	})
	if err != nil || len(out.MetricDataResults) != 1 || *out.MetricDataResults[0].Id != "q1" || out.MetricDataResults[0].Values[1] != 2.5 {
		t.Errorf("GetMetricData = %+v, %v", out, err)
	}
}
