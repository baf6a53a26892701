package arn_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/arn"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ service, region, resource, want string }{
		{"kms", "us-east-1", "key/1", "arn:aws:kms:us-east-1:111122223333:key/1"},
		{"kms", "cn-north-1", "key/1", "arn:aws-cn:kms:cn-north-1:111122223333:key/1"},
		{"kms", "us-gov-west-1", "key/1", "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1"},
		{"iam", "", "user/a/b", "arn:aws:iam::111122223333:user/a/b"},
	} {
		if got := arn.New(tt.service, tt.region, "111122223333", tt.resource); got != tt.want {
			t.Errorf("New = %q, want %q", got, tt.want)
		}
	}
	if got, want := arn.Root("111122223333"), "arn:aws:iam::111122223333:root"; got != want {
		t.Errorf("Root = %q, want %q", got, want)
	}
}

func TestPartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"": "aws", "eu-west-1": "aws", "us-east-1": "aws",
		"cn-northwest-1": "aws-cn", "us-gov-east-1": "aws-us-gov",
	} {
		if got := arn.Partition(region); got != want {
			t.Errorf("Partition(%q) = %q, want %q", region, got, want)
		}
	}
}

func TestIsAccount(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"111122223333": true, "000000000000": true, "": false, "11112222333": false,
		"1111222233334": false, "11112222333a": false, "-11112222333": false, "１１１１": false,
	} {
		if got := arn.IsAccount(s); got != want {
			t.Errorf("IsAccount(%q) = %v, want %v", s, got, want)
		}
	}
}

// TestParseTakesNewApart holds Parse to be New's inverse, whatever the resource holds.
func TestParseTakesNewApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		service := rapid.StringMatching(`[a-z0-9-]{1,12}`).Draw(t, "service")
		region := rapid.SampledFrom([]string{"", "us-east-1", "cn-north-1"}).Draw(t, "region")
		resource := rapid.StringN(1, 40, -1).Draw(t, "resource")
		a, err := arn.Parse(arn.New(service, region, "111122223333", resource))
		if err != nil {
			t.Fatal(err)
		}
		want := arn.ARN{Partition: arn.Partition(region), Service: service, Region: region, AccountID: "111122223333", Resource: resource}
		if a != want {
			t.Errorf("Parse(New) = %+v, want %+v", a, want)
		}
	})
}
