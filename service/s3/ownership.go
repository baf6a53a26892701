package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) onPutOwnership(ctx context.Context, in *s3.PutBucketOwnershipControlsInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetOwnership(ctx context.Context, in *s3.GetBucketOwnershipControlsInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetBucketACL(ctx context.Context, in *s3.GetBucketAclInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onPutBucketACL(ctx context.Context, in *s3.PutBucketAclInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetObjectACL(ctx context.Context, in *s3.GetObjectAclInput) (authz.Target, error) {
	return s.onObject(ctx, readAction("s3:GetObjectAcl", "s3:GetObjectVersionAcl", in.VersionId),
		objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId})
}

func (s *Service) onPutObjectACL(ctx context.Context, in *s3.PutObjectAclInput) (authz.Target, error) {
	return s.onObject(ctx, readAction(actionPutACL, "s3:PutObjectVersionAcl", in.VersionId),
		objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId})
}

// checkOwnership refuses the two settings under which ACLs would count: they are not
// enforced yet, so they are not kept either.
func checkOwnership(o types.ObjectOwnership) error {
	switch o {
	case "", types.ObjectOwnershipBucketOwnerEnforced:
		return nil
	}
	return fail("NotImplemented", "Object Ownership "+string(o)+" is not implemented: buckets here have BucketOwnerEnforced, under which ACLs are disabled.")
}

// PutBucketOwnershipControls keeps ACLs disabled, which is the default.
func (s *Service) PutBucketOwnershipControls(ctx context.Context, in *s3.PutBucketOwnershipControlsInput) (*s3.PutBucketOwnershipControlsOutput, error) {
	if len(in.OwnershipControls.Rules) != 1 {
		return nil, fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	o := in.OwnershipControls.Rules[0].ObjectOwnership
	if err := checkOwnership(o); err != nil {
		return nil, err
	}
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.Ownership = o
		return nil
	})
	return &s3.PutBucketOwnershipControlsOutput{}, err
}

// GetBucketOwnershipControls tells who owns a bucket's objects.
func (s *Service) GetBucketOwnershipControls(ctx context.Context, in *s3.GetBucketOwnershipControlsInput) (*s3.GetBucketOwnershipControlsOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.GetBucketOwnershipControlsOutput{OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: h.ownership()}},
	}}, nil
}

// GetBucketAcl answers the one grant that there is: the owner's.
func (s *Service) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) (*s3.GetBucketAclOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	owner, grants := h.ownersACL()
	return &s3.GetBucketAclOutput{Owner: owner, Grants: grants}, nil
}

// PutBucketAcl is refused: ACLs are disabled.
func (s *Service) PutBucketAcl(context.Context, *s3.PutBucketAclInput) (*s3.PutBucketAclOutput, error) {
	return nil, aclsDisabled()
}

// GetObjectAcl answers the one grant that there is: the bucket owner's.
func (s *Service) GetObjectAcl(ctx context.Context, in *s3.GetObjectAclInput) (*s3.GetObjectAclOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		_, err := lookup(tx, h, *in.Key, in.VersionId)
		return err
	})
	if err != nil {
		return nil, s.absence(ctx, h, err)
	}
	owner, grants := h.ownersACL()
	return &s3.GetObjectAclOutput{Owner: owner, Grants: grants}, nil
}

// PutObjectAcl is refused: ACLs are disabled.
func (s *Service) PutObjectAcl(context.Context, *s3.PutObjectAclInput) (*s3.PutObjectAclOutput, error) {
	return nil, aclsDisabled()
}

func aclsDisabled() error {
	return fail("AccessControlListNotSupported", "The bucket does not allow ACLs")
}

func (h *held) ownersACL() (*types.Owner, []types.Grant) {
	id := aws.String(canonicalID(h.Account))
	return &types.Owner{ID: id}, []types.Grant{{
		Grantee: &types.Grantee{Type: types.TypeCanonicalUser, ID: id}, Permission: types.PermissionFullControl,
	}}
}
