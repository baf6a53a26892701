package s3_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func client(c aws.Config) *s3.Client {
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
}

func mustCreate(t *testing.T, c *s3.Client, name, region string) {
	t.Helper()
	if err := create(t.Context(), c, name, region); err != nil {
		t.Fatalf("create bucket %s: %v", name, err)
	}
}

func create(ctx context.Context, c *s3.Client, name, constraint string) error {
	in := &s3.CreateBucketInput{Bucket: &name}
	if constraint != "" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(constraint)}
	}
	_, err := c.CreateBucket(ctx, in)
	return err
}

// TestBucketLife creates a bucket, finds it everywhere, and deletes it.
func TestBucketLife(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := client(garrisontest.Start(t).Config)
	out, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("life")})
	if err != nil || *out.Location != "/life" {
		t.Fatalf("CreateBucket = %+v, %v; want location /life", out, err)
	}
	head, err := c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("life")})
	if err != nil || aws.ToString(head.BucketRegion) != garrisontest.Region {
		t.Errorf("HeadBucket = %+v, %v; want Region %s", head, err, garrisontest.Region)
	}
	location, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String("life")})
	if err != nil || location.LocationConstraint != "" {
		t.Errorf("GetBucketLocation = %+v, %v; want none, which is us-east-1", location, err)
	}
	if err := create(ctx, c, "life", ""); garrisontest.ErrorCode(err) != "BucketAlreadyOwnedByYou" {
		t.Errorf("the same again = %v, want BucketAlreadyOwnedByYou", err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("life")}); err != nil {
		t.Errorf("DeleteBucket = %v", err)
	}
	_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("life")})
	if notFound := (*types.NotFound)(nil); !errors.As(err, &notFound) {
		t.Errorf("HeadBucket of a deleted bucket = %v, want NotFound", err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("life")}); garrisontest.ErrorCode(err) != "NoSuchBucket" {
		t.Errorf("DeleteBucket again = %v, want NoSuchBucket", err)
	}
}

// TestNames holds names to the rules for general purpose buckets.
func TestNames(t *testing.T) {
	t.Parallel()
	c := client(garrisontest.Start(t).Config)
	for name, want := range map[string]string{
		"abc": "", "a.b-c.9": "", strings.Repeat("a", 63): "", "1.2.3": "", "1.2.3.4.5": "",
		"ab": "InvalidBucketName", strings.Repeat("a", 64): "InvalidBucketName",
		"Abc": "InvalidBucketName", "a_c": "InvalidBucketName", "-abc": "InvalidBucketName", "abc-": "InvalidBucketName",
		".abc": "InvalidBucketName", "a..b": "InvalidBucketName", "192.168.5.4": "InvalidBucketName",
		"xn--abc": "InvalidBucketName", "sthree-abc": "InvalidBucketName", "amzn-s3-demo-a": "InvalidBucketName",
		"abc-s3alias": "InvalidBucketName", "abc--ol-s3": "InvalidBucketName", "abc.mrap": "InvalidBucketName",
		"abc--table-s3": "InvalidBucketName",
	} {
		if err := create(t.Context(), c, name, ""); garrisontest.ErrorCode(err) != want {
			t.Errorf("CreateBucket(%q) = %v, want %q", name, err, want)
		}
	}
}

// TestNamesAreTheWorlds takes a name that another account has, in each Region.
func TestNamesAreTheWorlds(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	mustCreate(t, client(srv.Config), "taken", "")
	other := client(srv.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	if err := create(t.Context(), other, "taken", ""); garrisontest.ErrorCode(err) != "BucketAlreadyExists" {
		t.Errorf("CreateBucket = %v, want BucketAlreadyExists", err)
	}
	abroad := client(srv.ConfigFor(garrisontest.OtherAccount, garrisontest.OtherRegion))
	if err := create(t.Context(), abroad, "taken", garrisontest.OtherRegion); garrisontest.ErrorCode(err) != "BucketAlreadyExists" {
		t.Errorf("CreateBucket in another Region = %v, want BucketAlreadyExists", err)
	}
	for name, call := range map[string]func() error{
		"HeadBucket": func() error {
			_, err := other.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("taken")})
			return err
		},
		"DeleteBucket": func() error {
			_, err := other.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("taken")})
			return err
		},
	} {
		if status := statusOf(call()); status != http.StatusForbidden {
			t.Errorf("%s of another account's bucket = %d, want 403", name, status)
		}
	}
	if out, err := other.ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil || len(out.Buckets) != 0 {
		t.Errorf("ListBuckets of the other account = %+v, %v; want none", out, err)
	}
}

// statusOf is the HTTP status of an error, 0 for none.
func statusOf(err error) int {
	if answered := (*awshttp.ResponseError)(nil); errors.As(err, &answered) {
		return answered.HTTPStatusCode()
	}
	return 0
}

// TestRegions creates buckets where they may lie, and is sent on to where they do.
func TestRegions(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	ctx := t.Context()
	here, there := client(srv.Config), client(srv.ConfigFor(garrisontest.Account, garrisontest.OtherRegion))
	for _, tt := range []struct {
		c                *s3.Client
		constraint, want string
	}{
		{here, garrisontest.OtherRegion, "IllegalLocationConstraintException"},
		{there, "", "IllegalLocationConstraintException"},
		{there, "eu-central-1", "IllegalLocationConstraintException"},
		{there, garrisontest.OtherRegion, ""},
	} {
		if err := create(ctx, tt.c, "abroad", tt.constraint); garrisontest.ErrorCode(err) != tt.want {
			t.Errorf("CreateBucket with %q = %v, want %q", tt.constraint, err, tt.want)
		}
	}
	_, err := here.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("abroad")})
	answered := (*awshttp.ResponseError)(nil)
	if !errors.As(err, &answered) {
		t.Fatalf("HeadBucket from another Region = %v, want an answer", err)
	}
	if got := answered.Response.Header.Get("X-Amz-Bucket-Region"); answered.HTTPStatusCode() != http.StatusMovedPermanently || got != garrisontest.OtherRegion {
		t.Errorf("HeadBucket from another Region = %d, x-amz-bucket-region %q; want 301 and %s", answered.HTTPStatusCode(), got, garrisontest.OtherRegion)
	}
	_, err = here.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("abroad")})
	if garrisontest.ErrorCode(err) != "PermanentRedirect" || statusOf(err) != http.StatusMovedPermanently {
		t.Errorf("DeleteBucket from another Region = %v, want PermanentRedirect", err)
	}
	for name, c := range map[string]*s3.Client{"here": here, "there": there} {
		out, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String("abroad")})
		if err != nil || string(out.LocationConstraint) != garrisontest.OtherRegion {
			t.Errorf("GetBucketLocation asked %s = %+v, %v; want %s", name, out, err, garrisontest.OtherRegion)
		}
	}
}

// TestListPages lists many buckets by pages, prefix and Region.
func TestListPages(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	for i := range 7 {
		mustCreate(t, c, fmt.Sprintf("logs-%d", i), "")
	}
	mustCreate(t, c, "photos", "")
	mustCreate(t, client(srv.ConfigFor(garrisontest.Account, garrisontest.OtherRegion)), "logs-abroad", garrisontest.OtherRegion)
	for _, tt := range []struct {
		name  string
		in    s3.ListBucketsInput
		pages []int
	}{
		{"all at once", s3.ListBucketsInput{}, []int{9}},
		{"by four", s3.ListBucketsInput{MaxBuckets: aws.Int32(4)}, []int{4, 4, 1}},
		{"full last page", s3.ListBucketsInput{MaxBuckets: aws.Int32(3)}, []int{3, 3, 3}},
		{"prefix", s3.ListBucketsInput{Prefix: aws.String("logs-"), MaxBuckets: aws.Int32(5)}, []int{5, 3}},
		{"Region", s3.ListBucketsInput{BucketRegion: aws.String(garrisontest.OtherRegion)}, []int{1}},
		{"no such prefix", s3.ListBucketsInput{Prefix: aws.String("zebra")}, []int{0}},
	} {
		seen, last := map[string]bool{}, ""
		var pages []int
		for p := s3.NewListBucketsPaginator(c, &tt.in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			pages = append(pages, len(out.Buckets))
			for _, b := range out.Buckets {
				if seen[*b.Name] || *b.Name <= last {
					t.Errorf("%s: %s comes after %s", tt.name, *b.Name, last)
				}
				seen[*b.Name], last = true, *b.Name
			}
		}
		if fmt.Sprint(pages) != fmt.Sprint(tt.pages) {
			t.Errorf("%s: pages of %v buckets, want %v", tt.name, pages, tt.pages)
		}
	}
	_, err := c.ListBuckets(t.Context(), &s3.ListBucketsInput{ContinuationToken: aws.String("made-up")})
	if garrisontest.ErrorCode(err) != "InvalidArgument" {
		t.Errorf("a made-up token = %v, want InvalidArgument", err)
	}
}

// TestRedirectBody reads the redirect as a client without an SDK sees it.
func TestRedirectBody(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	mustCreate(t, client(srv.ConfigFor(garrisontest.Account, garrisontest.OtherRegion)), "abroad", garrisontest.OtherRegion)
	presigned, err := s3.NewPresignClient(client(srv.Config)).PresignDeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("abroad")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), presigned.Method, presigned.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct{ Code, Endpoint, Bucket string }
	if err := xml.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	want := struct{ Code, Endpoint, Bucket string }{"PermanentRedirect", "abroad.s3.eu-west-1.amazonaws.com", "abroad"}
	if body != want || resp.StatusCode != http.StatusMovedPermanently {
		t.Errorf("answer = %d %+v, want 301 %+v", resp.StatusCode, body, want)
	}
}
