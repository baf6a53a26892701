package cloudtrail_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// anyPolicy lets every caller in, so that a test needs no policies of destinations.
func anyPolicy(c *server.Config) { c.Dev, c.IAMOff = true, true }

// A site is a server with a bucket for log files.
type site struct {
	*garrisontest.Server
	trail *cloudtrail.Client
	s3    *s3.Client
	kms   *kms.Client
}

const bucket = "trail-bucket"

func newSite(t *testing.T, opts ...garrisontest.Option) *site {
	t.Helper()
	srv := garrisontest.Start(t, append([]garrisontest.Option{anyPolicy}, opts...)...)
	s := &site{srv, cloudtrail.NewFromConfig(srv.Config), s3.NewFromConfig(srv.Config, func(o *s3.Options) { o.UsePathStyle = true }), kms.NewFromConfig(srv.Config)}
	if _, err := s.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	return s
}

// start makes a trail and has it log.
func (s *site) start(t *testing.T, in cloudtrail.CreateTrailInput) {
	t.Helper()
	in.S3BucketName = aws.String(bucket)
	if _, err := s.trail.CreateTrail(t.Context(), &in); err != nil {
		t.Fatalf("CreateTrail: %v", err)
	}
	s.logging(t, *in.Name)
}

func (s *site) logging(t *testing.T, name string) {
	t.Helper()
	if _, err := s.trail.StartLogging(t.Context(), &cloudtrail.StartLoggingInput{Name: &name}); err != nil {
		t.Fatalf("StartLogging: %v", err)
	}
}

// random makes a KMS call whose event has a reader's marks.
func (s *site) random(t *testing.T) {
	t.Helper()
	if _, err := s.kms.GenerateRandom(t.Context(), &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
}

// keys are the bucket's objects below a prefix.
func (s *site) keys(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	out, err := s.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: &prefix})
	if err != nil {
		t.Fatalf("ListObjectsV2: %v", err)
	}
	for _, o := range out.Contents {
		if strings.HasSuffix(*o.Key, ".gz") {
			keys = append(keys, *o.Key)
		}
	}
	return keys
}

// read returns a file uncompressed, with its metadata.
func (s *site) read(t *testing.T, key string) ([]byte, map[string]string) {
	t.Helper()
	out, err := s.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
	if err != nil {
		t.Fatalf("GetObject %s: %v", key, err)
	}
	packed, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain, out.Metadata
}

type record struct {
	Name     string `json:"eventName"`
	Source   string `json:"eventSource"`
	Region   string `json:"awsRegion"`
	Category string `json:"eventCategory"`
	Managed  bool   `json:"managementEvent"`
	Resource []struct {
		Type string `json:"type"`
		ARN  string `json:"ARN"`
	} `json:"resources"`
}

// records are all events delivered below a prefix.
func (s *site) records(t *testing.T, prefix string) (all []record) {
	t.Helper()
	for _, key := range s.keys(t, prefix) {
		var file struct{ Records []record }
		plain, _ := s.read(t, key)
		if err := json.Unmarshal(plain, &file); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		all = append(all, file.Records...)
	}
	return all
}

// delivered moves time on until a call of the name was delivered below the prefix.
func (s *site) delivered(t *testing.T, prefix, name string) []record {
	t.Helper()
	s.Clock.Advance(5 * time.Minute)
	var all []record
	if !garrisontest.Eventually(func() bool {
		all = s.records(t, prefix)
		return slices.Contains(names(all), name)
	}) {
		t.Fatalf("%s was not delivered to %s: %v", name, prefix, names(all))
	}
	return all
}

func names(all []record) (out []string) {
	for _, r := range all {
		out = append(out, r.Name)
	}
	return out
}

const (
	homePrefix  = "logs/AWSLogs/" + garrisontest.Account + "/CloudTrail/" + garrisontest.Region + "/"
	otherPrefix = "logs/AWSLogs/" + garrisontest.Account + "/CloudTrail/" + garrisontest.OtherRegion + "/"
)

// TestDelivery has a trail of all Regions deliver what happens in two, global services
// included, under AWS's names; and nothing once logging was stopped.
func TestDelivery(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.random(t) // before the trail: never delivered
	s.start(t, cloudtrail.CreateTrailInput{Name: aws.String("all"), S3KeyPrefix: aws.String("logs"), IsMultiRegionTrail: aws.Bool(true)})
	s.random(t)
	if _, err := iam.NewFromConfig(s.Config).ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := kms.NewFromConfig(s.ConfigFor(garrisontest.Account, garrisontest.OtherRegion)).ListKeys(t.Context(), &kms.ListKeysInput{}); err != nil {
		t.Fatal(err)
	}
	all := s.delivered(t, homePrefix, "GenerateRandom")
	for name, want := range map[string]int{"GenerateRandom": 1, "ListUsers": 1, "StartLogging": 1, "ListKeys": 0, "PutObject": 0} {
		n := 0
		for _, got := range names(all) {
			if got == name {
				n++
			}
		}
		if n != want {
			t.Errorf("%d events of %s, want %d: %v", n, name, want, names(all))
		}
	}
	s.delivered(t, otherPrefix, "ListKeys")
	now := s.Clock.Now().UTC()
	key := s.keys(t, homePrefix)[0]
	if want := homePrefix + now.Format("2006/01/02/") + garrisontest.Account + "_CloudTrail_" + garrisontest.Region + "_"; !strings.HasPrefix(key, want) {
		t.Errorf("key = %s, want %s…", key, want)
	}
	status, err := s.trail.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: aws.String("all")})
	if err != nil || !*status.IsLogging || status.LatestDeliveryTime == nil || status.LatestDeliveryError != nil {
		t.Errorf("status = %+v, %v; want logging, delivered, no error", status, err)
	}
	if _, err := s.trail.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: aws.String("all")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.kms.ListAliases(t.Context(), &kms.ListAliasesInput{}); err != nil {
		t.Fatal(err)
	}
	if all := s.delivered(t, homePrefix, "StopLogging"); slices.Contains(names(all), "ListAliases") {
		t.Errorf("a call after StopLogging was delivered: %v", names(all))
	}
}

// TestDataEvents records object operations only where selectors take them, and never
// in the event history.
func TestDataEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	put := func(key string) {
		t.Helper()
		if _, err := s.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
	}
	s.start(t, cloudtrail.CreateTrailInput{Name: aws.String("data"), S3KeyPrefix: aws.String("logs")})
	put("watched/before")
	if _, err := s.trail.PutEventSelectors(t.Context(), &cloudtrail.PutEventSelectorsInput{TrailName: aws.String("data"), EventSelectors: []types.EventSelector{{
		ReadWriteType: types.ReadWriteTypeWriteOnly, IncludeManagementEvents: aws.Bool(false),
		DataResources: []types.DataResource{{Type: aws.String("AWS::S3::Object"), Values: []string{"arn:aws:s3:::" + bucket + "/watched/"}}},
	}}}); err != nil {
		t.Fatal(err)
	}
	put("watched/a")
	put("other/b")
	if _, err := s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String("watched/a")}); err != nil {
		t.Fatal(err)
	}
	all := s.delivered(t, homePrefix, "PutObject")
	data := slices.DeleteFunc(all, func(r record) bool { return r.Category != "Data" })
	if len(data) != 1 || data[0].Name != "PutObject" || data[0].Managed || len(data[0].Resource) == 0 || data[0].Resource[0].ARN != "arn:aws:s3:::"+bucket+"/watched/a" {
		t.Errorf("data events = %+v, want the one PutObject of watched/a", data)
	}
	out, err := s.trail.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{attribute(types.LookupAttributeKeyEventName, "PutObject")}})
	if err != nil || len(out.Events) != 0 {
		t.Errorf("history has %d data events, %v; want none", len(out.Events), err)
	}
}

// TestFailedDelivery takes the bucket away, restarts the server, and gives the bucket
// back: the status tells of it, and nothing is lost.
func TestFailedDelivery(t *testing.T) {
	t.Parallel()
	data := t.TempDir() + "/data"
	here := func(c *server.Config) { c.Data = data }
	t.Run("before", func(t *testing.T) { //nolint:paralleltest // the two follow each other
		s := newSite(t, here)
		s.start(t, cloudtrail.CreateTrailInput{Name: aws.String("kept"), S3KeyPrefix: aws.String("logs")})
		emptied(t, s)
		s.random(t)
		s.Clock.Advance(5 * time.Minute)
		var status *cloudtrail.GetTrailStatusOutput
		if !garrisontest.Eventually(func() bool {
			out, err := s.trail.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: aws.String("kept")})
			status = out
			return err == nil && aws.ToString(out.LatestDeliveryError) == "NoSuchBucket"
		}) {
			t.Fatalf("status = %+v, want NoSuchBucket", status)
		}
	})
	t.Run("after", func(t *testing.T) { //nolint:paralleltest // the two follow each other
		s := newSite(t, here)
		s.delivered(t, homePrefix, "GenerateRandom")
	})
}

// emptied deletes the bucket with all that is in it.
func emptied(t *testing.T, s *site) {
	t.Helper()
	out, err := s.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out.Contents {
		if _, err := s.s3.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: o.Key}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.s3.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
}

func packed(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
