package wire_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/garrison-cloud/garrison/internal/wire"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	s3 := bind(t, "s3")
	copying := http.Header{"X-Amz-Copy-Source": {"/b/k"}}
	for _, tt := range []struct {
		method, path, query string
		header              http.Header
		op                  string
		labels              map[string]string
	}{
		{"GET", "/", "", nil, "ListBuckets", map[string]string{}},
		{"GET", "/", "x-id=ListBuckets", nil, "ListBuckets", map[string]string{}},
		{"GET", "/b", "", nil, "ListObjects", map[string]string{"Bucket": "b"}},
		{"GET", "/b/", "", nil, "ListObjects", map[string]string{"Bucket": "b"}},
		{"GET", "/b", "list-type=2", nil, "ListObjectsV2", map[string]string{"Bucket": "b"}},
		{"GET", "/b", "list-type=1", nil, "ListObjects", map[string]string{"Bucket": "b"}},
		{"GET", "/b", "policy", nil, "GetBucketPolicy", map[string]string{"Bucket": "b"}},
		{"GET", "/b", "policy=", nil, "GetBucketPolicy", map[string]string{"Bucket": "b"}},
		{"GET", "/b", "policyStatus", nil, "GetBucketPolicyStatus", map[string]string{"Bucket": "b"}},
		{"GET", "/b", "lifecycle", nil, "GetBucketLifecycleConfiguration", map[string]string{"Bucket": "b"}},
		{"GET", "/b", "analytics", nil, "ListBucketAnalyticsConfigurations", map[string]string{"Bucket": "b"}},
		{"GET", "/b", "analytics&id=x", nil, "GetBucketAnalyticsConfiguration", map[string]string{"Bucket": "b"}},
		{"PUT", "/b", "", nil, "CreateBucket", map[string]string{"Bucket": "b"}},
		{"PUT", "/b/k", "", nil, "PutObject", map[string]string{"Bucket": "b", "Key": "k"}},
		{"PUT", "/b/k", "", copying, "CopyObject", map[string]string{"Bucket": "b", "Key": "k"}},
		{"PUT", "/b/k", "partNumber=1&uploadId=u", nil, "UploadPart", map[string]string{"Bucket": "b", "Key": "k"}},
		{"PUT", "/b/k", "partNumber=1&uploadId=u", copying, "UploadPartCopy", map[string]string{"Bucket": "b", "Key": "k"}},
		{"PUT", "/b/k", "tagging", nil, "PutObjectTagging", map[string]string{"Bucket": "b", "Key": "k"}},
		{"GET", "/b/a%2Fb/c%20d//e", "", nil, "GetObject", map[string]string{"Bucket": "b", "Key": "a/b/c d//e"}},
		{"GET", "/b/../x", "", nil, "GetObject", map[string]string{"Bucket": "b", "Key": "../x"}},
		{"GET", "/b//", "", nil, "GetObject", map[string]string{"Bucket": "b", "Key": "/"}},
		{"HEAD", "/b/k", "", nil, "HeadObject", map[string]string{"Bucket": "b", "Key": "k"}},
		{"HEAD", "/b", "", nil, "HeadBucket", map[string]string{"Bucket": "b"}},
		{"POST", "/b", "delete", nil, "DeleteObjects", map[string]string{"Bucket": "b"}},
		{"POST", "/b/k", "uploads", nil, "CreateMultipartUpload", map[string]string{"Bucket": "b", "Key": "k"}},
		{"POST", "/b/k", "uploadId=u", nil, "CompleteMultipartUpload", map[string]string{"Bucket": "b", "Key": "k"}},
		{"DELETE", "/b/k", "uploadId=u", nil, "AbortMultipartUpload", map[string]string{"Bucket": "b", "Key": "k"}},
		{"DELETE", "/b/k", "", nil, "DeleteObject", map[string]string{"Bucket": "b", "Key": "k"}},
		{"DELETE", "/b", "", nil, "DeleteBucket", map[string]string{"Bucket": "b"}},
		{"PATCH", "/b", "", nil, "", nil},
		{"GET", "/b/%zz", "", nil, "GetObject", nil},
	} {
		op, labels, ok := s3.Match(tt.method, tt.path, tt.query, tt.header)
		if op != tt.op || ok != (tt.labels != nil) || !maps.Equal(labels, tt.labels) {
			t.Errorf("%s %s?%s = %s %v %t, want %s %v", tt.method, tt.path, tt.query, op, labels, ok, tt.op, tt.labels)
		}
	}
}

func TestFindingServices(t *testing.T) {
	t.Parallel()
	if service, op, ok := wire.ByTarget("TrentService.Encrypt"); service != "kms" || op != "Encrypt" || !ok {
		t.Errorf("ByTarget(TrentService.Encrypt) = %s %s %t", service, op, ok)
	}
	if service, op, ok := wire.ByTarget("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"); service != "cloudtrail" || op != "LookupEvents" || !ok {
		t.Errorf("ByTarget of CloudTrail = %s %s %t", service, op, ok)
	}
	for _, target := range []string{"", "Encrypt", "Nobody.Encrypt"} {
		if _, _, ok := wire.ByTarget(target); ok {
			t.Errorf("ByTarget(%q) found a service", target)
		}
	}
	if service, op, ok := wire.ByRPCPath("/service/GraniteServiceVersion20100801/operation/GetMetricData"); service != "cloudwatch" || op != "GetMetricData" || !ok {
		t.Errorf("ByRPCPath = %s %s %t", service, op, ok)
	}
	for _, path := range []string{"/", "/service/x", "/service/Nobody/operation/X", "/service/GraniteServiceVersion20100801/operation/a/b"} {
		if _, _, ok := wire.ByRPCPath(path); ok {
			t.Errorf("ByRPCPath(%q) found a service", path)
		}
	}
	if service, ok := wire.ByVersion("2011-06-15", "GetCallerIdentity"); service != "sts" || !ok {
		t.Errorf("ByVersion(2011-06-15) = %s %t", service, ok)
	}
	if _, ok := wire.ByVersion("2011-06-15", "CreateUser"); ok {
		t.Error("ByVersion found CreateUser in STS")
	}
	if names := wire.BySigningName("monitoring"); len(names) != 1 || names[0] != "cloudwatch" {
		t.Errorf("BySigningName(monitoring) = %v", names)
	}
	if action, version := wire.Form("Action=GetUser&Version=2010-05-08&UserName=Action%3DX", ""); action != "GetUser" || version != "2010-05-08" {
		t.Errorf("Form of a body = %s %s", action, version)
	}
	if action, version := wire.Form("", "Version=2010-05-08&Action=ListUsers"); action != "ListUsers" || version != "2010-05-08" {
		t.Errorf("Form of a query = %s %s", action, version)
	}
}
