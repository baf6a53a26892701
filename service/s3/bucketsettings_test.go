package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A settingCall is one operation on a bucket's settings, as it is right.
type settingCall struct {
	name string
	do   func(ctx context.Context, c *s3.Client) error
}

// setting is a call of one operation.
func setting[I, O any](name string, op func(*s3.Client, context.Context, *I, ...func(*s3.Options)) (*O, error), in *I) settingCall {
	return settingCall{name, func(ctx context.Context, c *s3.Client) error {
		_, err := op(c, ctx, in)
		return err
	}}
}

func settingCalls(bucket string) []settingCall {
	b := &bucket
	document := policy(`{"Effect":"Allow","Principal":{"AWS":"` + garrisontest.OtherAccount + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*"}`)
	return []settingCall{
		setting("PutBucketVersioning", (*s3.Client).PutBucketVersioning, &s3.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}),
		setting("GetBucketVersioning", (*s3.Client).GetBucketVersioning, &s3.GetBucketVersioningInput{Bucket: b}),
		setting("PutBucketPolicy", (*s3.Client).PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: b, Policy: document}),
		setting("GetBucketPolicy", (*s3.Client).GetBucketPolicy, &s3.GetBucketPolicyInput{Bucket: b}),
		setting("GetBucketPolicyStatus", (*s3.Client).GetBucketPolicyStatus, &s3.GetBucketPolicyStatusInput{Bucket: b}),
		setting("DeleteBucketPolicy", (*s3.Client).DeleteBucketPolicy, &s3.DeleteBucketPolicyInput{Bucket: b}),
		setting("PutPublicAccessBlock", (*s3.Client).PutPublicAccessBlock, &s3.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicPolicy: aws.Bool(true)}}),
		setting("GetPublicAccessBlock", (*s3.Client).GetPublicAccessBlock, &s3.GetPublicAccessBlockInput{Bucket: b}),
		setting("DeletePublicAccessBlock", (*s3.Client).DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: b}),
		setting("PutBucketEncryption", (*s3.Client).PutBucketEncryption, encryptBy(bucket, types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms}})),
		setting("GetBucketEncryption", (*s3.Client).GetBucketEncryption, &s3.GetBucketEncryptionInput{Bucket: b}),
		setting("DeleteBucketEncryption", (*s3.Client).DeleteBucketEncryption, &s3.DeleteBucketEncryptionInput{Bucket: b}),
		setting("PutBucketTagging", (*s3.Client).PutBucketTagging, tagBy(bucket, 1)),
		setting("GetBucketTagging", (*s3.Client).GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: b}),
		setting("DeleteBucketTagging", (*s3.Client).DeleteBucketTagging, &s3.DeleteBucketTaggingInput{Bucket: b}),
		setting("PutBucketOwnershipControls", (*s3.Client).PutBucketOwnershipControls, ownBy(bucket, types.ObjectOwnershipBucketOwnerEnforced)),
		setting("GetBucketOwnershipControls", (*s3.Client).GetBucketOwnershipControls, &s3.GetBucketOwnershipControlsInput{Bucket: b}),
		setting("GetBucketAcl", (*s3.Client).GetBucketAcl, &s3.GetBucketAclInput{Bucket: b}),
		setting("GetObjectAcl", (*s3.Client).GetObjectAcl, &s3.GetObjectAclInput{Bucket: b, Key: aws.String("k")}),
	}
}

func encryptBy(bucket string, rules ...types.ServerSideEncryptionRule) *s3.PutBucketEncryptionInput {
	return &s3.PutBucketEncryptionInput{Bucket: &bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: rules}}
}

func tagBy(bucket string, n int) *s3.PutBucketTaggingInput {
	in := &s3.PutBucketTaggingInput{Bucket: &bucket, Tagging: &types.Tagging{TagSet: []types.Tag{}}}
	for i := range n {
		in.Tagging.TagSet = append(in.Tagging.TagSet, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
	}
	return in
}

func ownBy(bucket string, o types.ObjectOwnership) *s3.PutBucketOwnershipControlsInput {
	return &s3.PutBucketOwnershipControlsInput{Bucket: &bucket, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: o}}}}
}

// TestSettingsCallers makes each call as the owner, as a user without rights, as
// another account and on a bucket that is not there.
func TestSettingsCallers(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "mine", "")
	put(t, c, "mine", "k", []byte("x"))
	nobody := client(srv.User(t, "nobody", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`))
	other := client(srv.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	gone := map[string]error{}
	for _, call := range settingCalls("absent") {
		gone[call.name] = call.do(t.Context(), c)
	}
	for _, call := range settingCalls("mine") {
		if got := garrisontest.ErrorCode(gone[call.name]); got != "NoSuchBucket" {
			t.Errorf("%s without a bucket = %v, want NoSuchBucket", call.name, gone[call.name])
		}
		for who, stranger := range map[string]*s3.Client{"a user without rights": nobody, "another account": other} {
			if err := call.do(t.Context(), stranger); statusOf(err) != http.StatusForbidden && statusOf(err) != http.StatusMethodNotAllowed {
				t.Errorf("%s by %s = %v, want a denial", call.name, who, err)
			}
		}
		if err := call.do(t.Context(), c); err != nil {
			t.Errorf("%s by the owner = %v", call.name, err)
		}
	}
	for name, call := range map[string]settingCall{
		"NoSuchBucketPolicy":                   setting("", (*s3.Client).GetBucketPolicy, &s3.GetBucketPolicyInput{Bucket: aws.String("mine")}),
		"NoSuchPublicAccessBlockConfiguration": setting("", (*s3.Client).GetPublicAccessBlock, &s3.GetPublicAccessBlockInput{Bucket: aws.String("mine")}),
		"NoSuchTagSet":                         setting("", (*s3.Client).GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: aws.String("mine")}),
	} {
		if err := call.do(t.Context(), c); garrisontest.ErrorCode(err) != name || statusOf(err) != http.StatusNotFound {
			t.Errorf("after deletion: %v, want 404 %s", err, name)
		}
	}
}

// TestSettingsRefused gives each setting what it can't be.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	c := start(t, "mine")
	put(t, c, "mine", "k", []byte("x"))
	ctx, b := t.Context(), aws.String("mine")
	versioning := func(v types.VersioningConfiguration) error {
		_, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: &v})
		return err
	}
	encrypt := func(r ...types.ServerSideEncryptionRule) error {
		_, err := c.PutBucketEncryption(ctx, encryptBy("mine", r...))
		return err
	}
	tags := func(in *s3.PutBucketTaggingInput) error { _, err := c.PutBucketTagging(ctx, in); return err }
	own := func(o types.ObjectOwnership) error {
		_, err := c.PutBucketOwnershipControls(ctx, ownBy("mine", o))
		return err
	}
	bucketACL := func(in s3.PutBucketAclInput) error { in.Bucket = b; _, err := c.PutBucketAcl(ctx, &in); return err }
	objectACL := func(in s3.PutObjectAclInput) error {
		in.Bucket, in.Key = b, aws.String("k")
		_, err := c.PutObjectAcl(ctx, &in)
		return err
	}
	created := func(in s3.CreateBucketInput) error {
		in.Bucket = aws.String("another")
		_, err := c.CreateBucket(ctx, &in)
		return err
	}
	twice := tagBy("mine", 2)
	twice.Tagging.TagSet[1].Key = twice.Tagging.TagSet[0].Key
	kms := types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms}
	rule := types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &kms}
	for _, tt := range []struct {
		name, want string
		err        error
	}{
		{"MFA delete", "NotImplemented", versioning(types.VersioningConfiguration{Status: "Enabled", MFADelete: types.MFADeleteEnabled})},
		{"no status", "IllegalVersioningConfigurationException", versioning(types.VersioningConfiguration{})},
		{"odd status", "MalformedXML", versioning(types.VersioningConfiguration{Status: "Perhaps"})},
		{"two rules", "MalformedXML", encrypt(rule, rule)},
		{"odd algorithm", "MalformedXML", encrypt(types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: "rot13"}})},
		{"a key for SSE-S3", "InvalidArgument", encrypt(types.ServerSideEncryptionRule{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: "AES256", KMSMasterKeyID: aws.String("alias/a")}})},
		{"odd blocked type", "MalformedXML", encrypt(types.ServerSideEncryptionRule{BlockedEncryptionTypes: &types.BlockedEncryptionTypes{EncryptionType: []types.EncryptionType{"rot13"}}})},
		{"51 tags", "BadRequest", tags(tagBy("mine", 51))},
		{"a tag twice", "InvalidTag", tags(twice)},
		{"aws: tag", "InvalidTag", tags(&s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("v")}}}})},
		{"BucketOwnerPreferred", "NotImplemented", own(types.ObjectOwnershipBucketOwnerPreferred)},
		{"ObjectWriter", "NotImplemented", own(types.ObjectOwnershipObjectWriter)},
		{"odd ownership", "MalformedXML", own("Nobody")},
		{"bucket ACL", "AccessControlListNotSupported", bucketACL(s3.PutBucketAclInput{ACL: types.BucketCannedACLPublicRead})},
		{"bucket ACL private", "AccessControlListNotSupported", bucketACL(s3.PutBucketAclInput{ACL: types.BucketCannedACLPrivate})},
		{"bucket ACL private with a grant", "AccessControlListNotSupported", bucketACL(s3.PutBucketAclInput{ACL: types.BucketCannedACLPrivate, GrantRead: aws.String("uri=http://acs.amazonaws.com/groups/global/AllUsers")})},
		{"object ACL", "AccessControlListNotSupported", objectACL(s3.PutObjectAclInput{ACL: types.ObjectCannedACLPublicRead})},
		{"object ACL with a grant", "AccessControlListNotSupported", objectACL(s3.PutObjectAclInput{ACL: types.ObjectCannedACLBucketOwnerFullControl, GrantRead: aws.String("uri=http://acs.amazonaws.com/groups/global/AllUsers")})},
		{"CreateBucket by ObjectWriter", "NotImplemented", created(s3.CreateBucketInput{ObjectOwnership: types.ObjectOwnershipObjectWriter})},
		{"CreateBucket public-read", "InvalidBucketAclWithObjectOwnership", created(s3.CreateBucketInput{ACL: types.BucketCannedACLPublicRead})},
		{"CreateBucket with a grant", "InvalidBucketAclWithObjectOwnership", created(s3.CreateBucketInput{GrantRead: aws.String("id=x")})},
		{"CreateBucket with an aws: tag", "InvalidTag", created(s3.CreateBucketInput{CreateBucketConfiguration: &types.CreateBucketConfiguration{Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("v")}}}})},
	} {
		if got := garrisontest.ErrorCode(tt.err); got != tt.want {
			t.Errorf("%s = %v, want %s", tt.name, tt.err, tt.want)
		}
	}
}

// TestConditionsOnPuts holds puts to a key by its name and all calls to TLS.
func TestConditionsOnPuts(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "strict", "")
	keys := kms.NewFromConfig(srv.Config)
	var arns []string
	for range 2 {
		k, err := keys.CreateKey(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		arns = append(arns, *k.KeyMetadata.Arn)
	}
	b := aws.String("strict")
	lay := func(statements string) {
		t.Helper()
		if _, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: policy(statements)}); err != nil {
			t.Fatal(err)
		}
	}
	lay(`{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::strict/*","Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"` + arns[0] + `"}}}`)
	for name, want := range map[*string]string{nil: "AccessDenied", &arns[1]: "AccessDenied", &arns[0]: ""} {
		in := &s3.PutObjectInput{Bucket: b, Key: aws.String("k"), Body: bytes.NewReader([]byte("x")), SSEKMSKeyId: name}
		if name != nil {
			in.ServerSideEncryption = types.ServerSideEncryptionAwsKms
		}
		if _, err := c.PutObject(t.Context(), in); garrisontest.ErrorCode(err) != want {
			t.Errorf("PutObject by key %s = %v, want %q", aws.ToString(name), err, want)
		}
	}
	lay(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::strict","arn:aws:s3:::strict/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}`)
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("k")})
	want := "AccessDenied"
	if strings.HasPrefix(srv.URL, "https:") {
		want = ""
	}
	if garrisontest.ErrorCode(err) != want {
		t.Errorf("GetObject at %s under a policy for TLS = %v, want %q", srv.URL, err, want)
	}
	if _, err := c.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: b}); err != nil {
		t.Errorf("root's DeleteBucketPolicy under its own denial = %v", err)
	}
}

// TestEncryptionSetting has the default obeyed, and SSE-C switched off.
func TestEncryptionSetting(t *testing.T) {
	t.Parallel()
	c := start(t, "mine")
	if _, err := c.PutBucketEncryption(t.Context(), encryptBy("mine", types.ServerSideEncryptionRule{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms},
		BucketKeyEnabled:                   aws.Bool(true),
		BlockedEncryptionTypes:             &types.BlockedEncryptionTypes{EncryptionType: []types.EncryptionType{types.EncryptionTypeSseC}},
	})); err != nil {
		t.Fatal(err)
	}
	out := put(t, c, "mine", "k", []byte("x"))
	if out.ServerSideEncryption != types.ServerSideEncryptionAwsKms || !aws.ToBool(out.BucketKeyEnabled) {
		t.Errorf("PutObject = %s, bucket key %t", out.ServerSideEncryption, aws.ToBool(out.BucketKeyEnabled))
	}
	secret := strings.Repeat("k", 32)
	sum := md5.Sum([]byte(secret))
	in := s3.PutObjectInput{
		Bucket: aws.String("mine"), Key: aws.String("c"), Body: strings.NewReader("x"), SSECustomerAlgorithm: aws.String("AES256"),
		SSECustomerKey: aws.String(base64.StdEncoding.EncodeToString([]byte(secret))), SSECustomerKeyMD5: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	}
	_, err := c.PutObject(t.Context(), &in)
	garrisontest.Want(t, err, "AccessDenied")
}

// TestAnonymous holds strangers to what the policy opens.
func TestAnonymous(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "open", "")
	put(t, c, "open", "k", []byte("x"))
	put(t, c, "open", "hidden", []byte("x"))
	b := aws.String("open")
	if _, err := c.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: b}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: policy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::open/k"}`)}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/open/k", 200},
		{"HEAD", "/open/k", 200},
		{"GET", "/open/hidden", 403},
		{"GET", "/open", 403},
		{"GET", "/open?policy", 403},
		{"PUT", "/open/k", 403},
		{"DELETE", "/open/k", 403},
		{"GET", "/", 403},
		{"PUT", "/fresh", 403},
		{"GET", "/open/absent", 403},
		{"GET", "/open/k?tagging", 403},
		{"DELETE", "/open?policy", 403},
		{"GET", "/open?versioning", 403},
		{"GET", "/open?acl", 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, srv.URL+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s %s = %d %s, want %d", tt.method, tt.path, resp.StatusCode, body, tt.want)
		}
	}
}

// TestPolicySelfLock shuts everybody out, and leaves root the way back.
func TestPolicySelfLock(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	root, admin := client(srv.Config), client(srv.User(t, "admin", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`))
	mustCreate(t, root, "locked", "")
	b := aws.String("locked")
	document := policy(`{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::locked","arn:aws:s3:::locked/*"]}`)
	if _, err := root.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: document, ConfirmRemoveSelfBucketAccess: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	_, err := admin.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: b})
	garrisontest.Want(t, err, "AccessDenied")
	_, err = root.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: b})
	garrisontest.Want(t, err, "AccessDenied")
	if out, err := root.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: b}); err != nil || *out.Policy != *document {
		t.Errorf("root's GetBucketPolicy = %+v, %v", out, err)
	}
	if _, err := root.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: b}); err != nil {
		t.Errorf("root's DeleteBucketPolicy = %v", err)
	}
}

// TestPolicyOfOthers lets another account keep the policy, which no policy can.
func TestPolicyOfOthers(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c, other := client(srv.Config), client(srv.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	mustCreate(t, c, "mine", "")
	b := aws.String("mine")
	document := policy(`{"Effect":"Allow","Principal":{"AWS":"` + garrisontest.OtherAccount + `"},"Action":"s3:*","Resource":["arn:aws:s3:::mine","arn:aws:s3:::mine/*"]}`)
	if _, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: document}); err != nil {
		t.Fatal(err)
	}
	_, get := other.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: b})
	_, put := other.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: document})
	_, del := other.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: b})
	for name, err := range map[string]error{"Get": get, "Put": put, "Delete": del} {
		if garrisontest.ErrorCode(err) != "MethodNotAllowed" || statusOf(err) != http.StatusMethodNotAllowed {
			t.Errorf("%s by another account = %v, want 405 MethodNotAllowed", name, err)
		}
	}
}
