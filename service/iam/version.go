package iam

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A version is one text of a managed policy. It never changes.
type version struct {
	Account string
	// Policy is the policy's folded name.
	Policy   string
	Number   int
	Created  time.Time
	Document string
}

// maxVersions is how many versions a managed policy may have at a time.
const maxVersions = 5

var versions = store.NewTable("iam.policyversion",
	func(v *version) store.Key { return store.K(v.Account, v.Policy, v.Number) })

func (p *policy) version(number int, created time.Time, document string) *version {
	return &version{Account: p.Account, Policy: fold(p.Name), Number: number, Created: created, Document: document}
}

// versions returns all versions of a policy, oldest first. Of AWS's policies only
// the one in force is known.
func (p *policy) versions(tx *store.Tx) ([]*version, error) {
	if p.Account == awsManaged {
		return []*version{p.version(p.Default, p.Updated, p.text())}, nil
	}
	var out []*version
	for v, err := range versions.Scan(tx, store.Range{Prefix: store.K(p.Account, fold(p.Name))}) {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// versionOf returns the version with that id.
func (p *policy) versionOf(tx *store.Tx, id string) (*version, error) {
	missing := noSuch("Policy " + p.arn() + " version " + id + " does not exist or is not attachable.")
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if err != nil {
		return nil, missing
	}
	if p.Account == awsManaged {
		if n != p.Default {
			return nil, missing
		}
		return p.version(n, p.Updated, p.text()), nil
	}
	v, err := versions.Get(tx, p.Account, fold(p.Name), n)
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing
	}
	return v, err
}

// api is the version as answered; only GetPolicyVersion answers the document.
func (v *version) api(p *policy) *types.PolicyVersion {
	return &types.PolicyVersion{
		CreateDate: &v.Created, IsDefaultVersion: v.Number == p.Default, VersionId: aws.String(versionID(v.Number)),
	}
}

// CreatePolicyVersion adds a text to a managed policy, and puts it in force if so asked.
func (s *Service) CreatePolicyVersion(ctx context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	if err := s.checkPolicy(*in.PolicyDocument); err != nil {
		return nil, err
	}
	var out *types.PolicyVersion
	err := s.changePolicy(ctx, *in.PolicyArn, func(tx *store.Tx, p *policy) error {
		all, err := p.versions(tx)
		if err != nil {
			return err
		}
		if len(all) >= maxVersions {
			return limited("A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
		}
		p.Last++
		p.Updated = s.now()
		v := p.version(p.Last, p.Updated, *in.PolicyDocument)
		if in.SetAsDefault {
			p.Default, p.Document = v.Number, v.Document
		}
		out = v.api(p)
		return firstError(count(tx, p.Account, versionNoun, 1), versions.Insert(tx, v))
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreatePolicyVersionOutput{PolicyVersion: out}, nil
}

// GetPolicyVersion returns a version with its document.
func (s *Service) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	account := wire.CallFrom(ctx).Account()
	var out *types.PolicyVersion
	err := s.db.View(ctx, func(tx *store.Tx) error {
		p, err := s.policy(tx, account, *in.PolicyArn)
		if err != nil {
			return unknownPolicy(err, *in.PolicyArn)
		}
		v, err := p.versionOf(tx, *in.VersionId)
		if err != nil {
			return err
		}
		out = v.api(p)
		out.Document = aws.String(encodeDocument(v.Document))
		return nil
	})
	return &iam.GetPolicyVersionOutput{PolicyVersion: out}, err
}

// ListPolicyVersions lists a managed policy's versions, newest first.
func (s *Service) ListPolicyVersions(ctx context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	p, err := newPager("iam.ListPolicyVersions", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	out := &iam.ListPolicyVersionsOutput{Versions: []types.PolicyVersion{}}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		row, err := s.policy(tx, account, *in.PolicyArn)
		if err != nil {
			return unknownPolicy(err, *in.PolicyArn)
		}
		all, err := row.versions(tx)
		if err != nil {
			return err
		}
		before, _ := strconv.Atoi(p.after)
		for _, v := range slices.Backward(all) {
			if before != 0 && v.Number >= before {
				continue
			}
			if !p.take(strconv.Itoa(v.Number)) {
				break
			}
			out.Versions = append(out.Versions, *v.api(row))
		}
		return nil
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// SetDefaultPolicyVersion puts a version in force, for everyone who has the policy.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	err := s.changePolicy(ctx, *in.PolicyArn, func(tx *store.Tx, p *policy) error {
		v, err := p.versionOf(tx, *in.VersionId)
		if err != nil {
			return err
		}
		p.Default, p.Document, p.Updated = v.Number, v.Document, s.now()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.SetDefaultPolicyVersionOutput{}, nil
}

// DeletePolicyVersion deletes a version that is not in force.
func (s *Service) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	err := s.changePolicy(ctx, *in.PolicyArn, func(tx *store.Tx, p *policy) error {
		v, err := p.versionOf(tx, *in.VersionId)
		if err != nil {
			return err
		}
		if v.Number == p.Default {
			return conflict("Cannot delete the default version of a policy.")
		}
		p.Updated = s.now()
		return firstError(count(tx, p.Account, versionNoun, -1), versions.Delete(tx, p.Account, v.Policy, v.Number))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeletePolicyVersionOutput{}, nil
}
