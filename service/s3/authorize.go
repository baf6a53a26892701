package s3

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Actions whose names differ from the operations' (Service Authorization
// Reference, Amazon S3).
const (
	actionListAll       = "s3:ListAllMyBuckets"
	actionList          = "s3:ListBucket"
	actionListVersions  = "s3:ListBucketVersions"
	actionLocation      = "s3:GetBucketLocation"
	actionGet           = "s3:GetObject"
	actionGetVersion    = "s3:GetObjectVersion"
	actionPut           = "s3:PutObject"
	actionPutACL        = "s3:PutObjectAcl"
	actionPutTagging    = "s3:PutObjectTagging"
	actionPutRetention  = "s3:PutObjectRetention"
	actionPutHold       = "s3:PutObjectLegalHold"
	actionDelete        = "s3:DeleteObject"
	actionDeleteVersion = "s3:DeleteObjectVersion"
	actionBypass        = "s3:BypassGovernanceRetention"

	actionGetReplication  = "s3:GetReplicationConfiguration"
	actionPutReplication  = "s3:PutReplicationConfiguration"
	actionTakeVersion     = "s3:GetObjectVersionForReplication"
	actionTakeACL         = "s3:GetObjectVersionAcl"
	actionTakeTags        = "s3:GetObjectVersionTagging"
	actionTakeRetention   = "s3:GetObjectRetention"
	actionTakeHold        = "s3:GetObjectLegalHold"
	actionReplicate       = "s3:ReplicateObject"
	actionReplicateDelete = "s3:ReplicateDelete"
	actionReplicateTags   = "s3:ReplicateTags"
	actionOverrideOwner   = "s3:ObjectOwnerOverrideToBucketOwner"
)

func bucketARN(name string) string        { return "arn:aws:s3:::" + name }
func objectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

func (s *Service) onNewBucket(_ context.Context, in *s3.CreateBucketInput) (authz.Target, error) {
	t := authz.Target{Resource: bucketARN(*in.Bucket), Type: "AWS::S3::Bucket"}
	q := requested{acl: string(in.ACL), objectOwnership: in.ObjectOwnership}
	t.Lookup = q.lookup
	if c := in.CreateBucketConfiguration; c != nil && c.LocationConstraint != "" {
		t.Conditions = map[string][]string{"s3:locationconstraint": {string(c.LocationConstraint)}}
	}
	return t, nil
}

func (s *Service) onBuckets(context.Context, *s3.ListBucketsInput) (authz.Target, error) {
	return authz.Target{Action: actionListAll, Resource: "*"}, nil
}

func (s *Service) onHead(ctx context.Context, in *s3.HeadBucketInput) (authz.Target, error) {
	return s.onBucket(ctx, actionList, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// onLocation redirects nobody: where a bucket lies is asked by who does not know.
func (s *Service) onLocation(ctx context.Context, in *s3.GetBucketLocationInput) (authz.Target, error) {
	t, err := s.onBucket(ctx, actionLocation, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
	if redirect := (*wire.Error)(nil); errors.As(t.Missing, &redirect) && redirect.Code == "PermanentRedirect" {
		t.Missing = nil
	}
	return t, err
}

func (s *Service) onDelete(ctx context.Context, in *s3.DeleteBucketInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// A bucketCall is what every request on a bucket says: its name, and whose the caller
// takes it for.
type bucketCall struct {
	name     string
	expected *string
}

// onBucket asks for an action on a bucket; empty is the operation's own.
func (s *Service) onBucket(ctx context.Context, action string, c bucketCall) (authz.Target, error) {
	h, t, err := s.target(ctx, c)
	if h == nil || err != nil {
		t.Action = action
		return t, err
	}
	t = s.onHeld(ctx, h, action)
	t.Missing = h.checkOwner(c.expected)
	return t, nil
}

// target finds a bucket. Without one, h is nil and the target says what is missing.
func (s *Service) target(ctx context.Context, c bucketCall) (h *held, t authz.Target, err error) {
	t = authz.Target{Resource: bucketARN(c.name), Type: "AWS::S3::Bucket"}
	h, err = s.hold(ctx, c.name)
	if err == nil {
		return h, t, nil
	}
	noSuch, redirect := (*types.NoSuchBucket)(nil), (*wire.Error)(nil)
	switch {
	case errors.As(err, &noSuch):
		t.Missing = err
		return nil, t, nil
	case errors.As(err, &redirect):
		t.Missing = err
		if b, err := s.find(ctx, c.name); err == nil {
			t.Account = b.Account
		}
		return nil, t, nil
	}
	return nil, t, err
}

// onHeld asks for an action on a bucket that has been found.
func (s *Service) onHeld(ctx context.Context, h *held, action string) authz.Target {
	t := authz.Target{Action: action, Resource: bucketARN(h.Name), Type: "AWS::S3::Bucket", Account: h.Account}
	s.lay(ctx, h, &t, h.ACL)
	return t
}

// lay puts a bucket's policy, and an ACL where those count, before the authorizer.
func (s *Service) lay(ctx context.Context, h *held, t *authz.Target, acl []grant) {
	caller := wire.CallFrom(ctx).Principal
	if s.policyCounts(ctx, h, caller) {
		t.Policy = h.Policy
	}
	if !h.aclsOff() {
		t.ACL = s.aclPolicy(ctx, h, acl, caller)
	}
}

// An objectCall is what every request on an object says.
type objectCall struct {
	bucketCall
	key       string
	versionID *string
	requested *requested
}

// onObject asks for an action on an object.
func (s *Service) onObject(ctx context.Context, action string, c objectCall) (authz.Target, error) {
	h, t, err := s.target(ctx, c.bucketCall)
	if h == nil || err != nil {
		t.Action, t.Resource, t.Type = action, objectARN(c.name, c.key), "AWS::S3::Object"
		return t, err
	}
	t = s.onKey(ctx, h, action, &c)
	t.Missing = h.checkOwner(c.expected)
	return t, nil
}

// onKey asks for an action on an object of a bucket that has been found.
func (s *Service) onKey(ctx context.Context, h *held, action string, c *objectCall) authz.Target {
	t := authz.Target{Action: action, Resource: objectARN(h.Name, c.key), Type: "AWS::S3::Object", Account: h.Account}
	q := c.requested
	if q == nil {
		q = &requested{}
	}
	q.versionID, q.now = c.versionID, s.clock.Now
	q.existing = func() []tag { return s.tagsOf(ctx, h, c) }
	t.Lookup = q.lookup
	s.lay(ctx, h, &t, nil)
	if !h.aclsOff() {
		s.layObject(ctx, h, &t, c)
	}
	return t
}

// and adds another action on the same object.
func and(t *authz.Target, action string) {
	more := *t
	more.Action, more.And, more.Type, more.Missing = action, nil, "", nil
	t.And = append(t.And, more)
}

// readAction is an action's name for the newest version, or for a given one.
func readAction(newest, given string, id *string) string {
	if id != nil {
		return given
	}
	return newest
}

func (s *Service) onGet(ctx context.Context, in *s3.GetObjectInput) (authz.Target, error) {
	return s.onObject(ctx, readAction(actionGet, actionGetVersion, in.VersionId),
		objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId})
}

func (s *Service) onHeadObject(ctx context.Context, in *s3.HeadObjectInput) (authz.Target, error) {
	return s.onObject(ctx, readAction(actionGet, actionGetVersion, in.VersionId),
		objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId})
}

func (s *Service) onPut(ctx context.Context, in *s3.PutObjectInput) (authz.Target, error) {
	q := &requested{
		acl: string(in.ACL), encryption: putEncryption(in), class: string(in.StorageClass), tagging: in.Tagging,
		grants:   grantHeaders{full: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		redirect: in.WebsiteRedirectLocation, match: in.IfMatch, noneMatch: in.IfNoneMatch,
		lock: description{mode: in.ObjectLockMode, until: in.ObjectLockRetainUntilDate, hold: in.ObjectLockLegalHoldStatus},
	}
	t, err := s.onObject(ctx, actionPut, objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, requested: q})
	q.besides(&t)
	return t, err
}

// besides adds what a request that puts an object asks for besides.
func (q *requested) besides(t *authz.Target) {
	base := *t
	add := func(wanted bool, action string) {
		if wanted {
			more := base
			more.Action, more.Type, more.Missing = action, "", nil
			t.And = append(t.And, more)
		}
	}
	add(q.tagging != nil, actionPutTagging)
	// The ACL that gives the bucket's owner everything needs no right of its own (S3 User
	// Guide, "Bucket owner granting cross-account permission to upload objects").
	given := q.acl != "" && q.acl != string(types.ObjectCannedACLBucketOwnerFullControl)
	add(given || q.grants.given(), actionPutACL)
	add(q.lock.mode != "" || q.lock.until != nil, actionPutRetention)
	add(q.lock.hold != "", actionPutHold)
}

func (s *Service) onDeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (authz.Target, error) {
	h, t, err := s.target(ctx, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
	if h == nil || err != nil {
		t.Action, t.Resource, t.Type = readAction(actionDelete, actionDeleteVersion, in.VersionId), objectARN(*in.Bucket, *in.Key), "AWS::S3::Object"
		return t, err
	}
	t = s.onDeletion(ctx, h, &deletion{key: *in.Key, versionID: in.VersionId, bypass: in.BypassGovernanceRetention != nil && *in.BypassGovernanceRetention})
	t.Missing = h.checkOwner(in.ExpectedBucketOwner)
	return t, nil
}

func (s *Service) onDeletion(ctx context.Context, h *held, d *deletion) authz.Target {
	t := s.onKey(ctx, h, readAction(actionDelete, actionDeleteVersion, d.versionID), &objectCall{key: d.key, versionID: d.versionID})
	if d.bypass {
		and(&t, actionBypass)
	}
	return t
}

// onDeletes asks only that the bucket is there: each object is asked for by itself.
func (s *Service) onDeletes(ctx context.Context, in *s3.DeleteObjectsInput) (authz.Target, error) {
	h, t, err := s.target(ctx, bucketCall{*in.Bucket, in.ExpectedBucketOwner})
	t.Open = true
	if h != nil {
		t.Missing = h.checkOwner(in.ExpectedBucketOwner)
	}
	return t, err
}

func (s *Service) onListV2(ctx context.Context, in *s3.ListObjectsV2Input) (authz.Target, error) {
	return s.onList(ctx, actionList, bucketCall{*in.Bucket, in.ExpectedBucketOwner}, &requested{prefix: in.Prefix, delim: in.Delimiter, maxKeys: in.MaxKeys})
}

func (s *Service) onListV1(ctx context.Context, in *s3.ListObjectsInput) (authz.Target, error) {
	return s.onList(ctx, actionList, bucketCall{*in.Bucket, in.ExpectedBucketOwner}, &requested{prefix: in.Prefix, delim: in.Delimiter, maxKeys: in.MaxKeys})
}

func (s *Service) onListVersions(ctx context.Context, in *s3.ListObjectVersionsInput) (authz.Target, error) {
	return s.onList(ctx, actionListVersions, bucketCall{*in.Bucket, in.ExpectedBucketOwner}, &requested{prefix: in.Prefix, delim: in.Delimiter, maxKeys: in.MaxKeys})
}

func (s *Service) onList(ctx context.Context, action string, c bucketCall, q *requested) (authz.Target, error) {
	t, err := s.onBucket(ctx, action, c)
	t.Lookup = q.lookup
	return t, err
}

func isDenied(err error) bool {
	d := (*authz.Denied)(nil)
	return errors.As(err, &d)
}

// elsewhere sends a caller on to the Region of a bucket. SDKs go by the header
// (S3 User Guide, "Making requests using the REST API", request redirection).
func elsewhere(b *bucket) error {
	return &wire.Error{
		Code:    "PermanentRedirect",
		Message: "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
		Status:  http.StatusMovedPermanently, Fault: smithy.FaultClient,
		Details: []wire.Detail{{Name: "Endpoint", Value: b.Name + ".s3." + b.Region + ".amazonaws.com"}, {Name: "Bucket", Value: b.Name}},
		Header:  http.Header{"X-Amz-Bucket-Region": {b.Region}},
	}
}
