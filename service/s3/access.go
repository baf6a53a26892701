package s3

import (
	"context"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// policyCounts tells whether a bucket's policy lets this caller in at all: a public
// policy lets strangers in only where no public access block restricts it.
func (s *Service) policyCounts(_ context.Context, h *held, caller *authz.Principal) bool {
	if !h.PolicyPublic || h.PublicAccess == nil || h.PublicAccess.RestrictPublicBuckets == nil || !*h.PublicAccess.RestrictPublicBuckets {
		return true
	}
	return caller.Kind == iam.ServicePrincipal || caller.Account == h.Account
}

// aclPolicy is an ACL as a policy that says the same to this caller.
func (s *Service) aclPolicy(context.Context, *held, []grant, *authz.Principal) string { return "" }

// layObject is lay for an object's own ACL and owner.
func (s *Service) layObject(context.Context, *held, *authz.Target, *objectCall) {}

// tagsOf are the tags of the object that is asked for.
func (s *Service) tagsOf(ctx context.Context, h *held, c *objectCall) (tags []tag) {
	err := s.db.View(ctx, func(tx *store.Tx) error {
		v, err := lookup(tx, h, c.key, c.versionID)
		if err == nil {
			tags = v.Tags
		}
		return err
	})
	if err != nil {
		return nil // there is no object, or the handler meets the same error
	}
	return tags
}
