package gateway

import (
	"strings"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/lastuse"
)

// noteKey notes that an access key of IAM's has signed a call. Temporary keys,
// which nobody can ask about, and those of development mode leave no note.
func (x *exchange) noteKey() {
	p := x.call.Principal
	if x.g.Uses == nil || p.Session != nil || !strings.HasPrefix(p.AccessKeyID, authz.LongTermKey) {
		return
	}
	x.g.Uses.Note(lastuse.Thing{Kind: lastuse.AccessKey, Account: p.Account, ID: p.AccessKeyID}, x.use())
}

// notePermission notes what a user or a role asks for, whatever the answer will
// be: an attempt counts (IAM User Guide, "Refine permissions in AWS using last
// accessed information").
func (x *exchange) notePermission() {
	p := x.call.Principal
	if x.g.Uses == nil || p == nil {
		return
	}
	id := p.ID
	switch {
	case p.Kind == iam.User:
	case p.Session != nil && (p.Kind == iam.RoleSession || p.Kind == iam.FederatedUser) && p.Session.IssuerID != p.Account:
		id = p.Session.IssuerID
	default:
		return // a root, a service or nobody: no policy of theirs could be refined
	}
	x.g.Uses.Note(lastuse.Thing{Kind: lastuse.Permission, Account: p.Account, ID: id, Detail: x.action}, x.use())
}

// noteResources notes what the call has made use of, if its operation is one that
// does so.
func (x *exchange) noteResources() {
	if x.g.Uses == nil || !x.op.Uses {
		return
	}
	for t := range each(&x.target) {
		owner := t.Account
		if owner == "" {
			owner = x.call.Principal.Account
		}
		u := x.use()
		u.EventID = x.eventID(owner)
		x.g.Uses.Note(lastuse.Thing{Kind: lastuse.Resource, Account: owner, ID: t.Resource}, u)
	}
}

func (x *exchange) use() lastuse.Use {
	return lastuse.Use{
		At: x.call.Time, Service: x.service.IAMPrefix(), Operation: x.op.Name, Region: x.call.Region,
		RequestID: x.call.RequestID, EventID: x.call.EventID,
	}
}
