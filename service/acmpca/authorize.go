package acmpca

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// on asks for the operation's own action on the authority of an ARN.
func (s *Service) on(ctx context.Context, given *string, conditions map[string][]string) (authz.Target, error) {
	r, err := parse(*given)
	if err != nil {
		return authz.Target{}, err
	}
	t := authz.Target{Account: r.account, Resource: *given, Type: authorityType, Conditions: conditions}
	t.Resource, _, _ = strings.Cut(t.Resource, "/certificate/")
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		row, err := s.get(tx, r)
		if err != nil {
			return err
		}
		t.Resource, t.Policy, t.Tags = row.arn(), row.Effective, row.Tags
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		t.Type, t.Missing, err = "", noAuthority(t.Resource), nil
	}
	return t, err
}

// requestTags are aws:RequestTag/… and aws:TagKeys.
func requestTags(tags []types.Tag) map[string][]string {
	c := map[string][]string{}
	for _, t := range tags {
		c["aws:requesttag/"+strings.ToLower(aws.ToString(t.Key))] = []string{aws.ToString(t.Value)}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], aws.ToString(t.Key))
	}
	return c
}

func (s *Service) onCreateCertificateAuthority(_ context.Context, in *acmpca.CreateCertificateAuthorityInput) (authz.Target, error) {
	t := authz.Any()
	t.Conditions = requestTags(in.Tags)
	return t, nil
}

func (s *Service) onListCertificateAuthorities(context.Context, *acmpca.ListCertificateAuthoritiesInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onDescribeCertificateAuthority(ctx context.Context, in *acmpca.DescribeCertificateAuthorityInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onUpdateCertificateAuthority(ctx context.Context, in *acmpca.UpdateCertificateAuthorityInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onDeleteCertificateAuthority(ctx context.Context, in *acmpca.DeleteCertificateAuthorityInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onRestoreCertificateAuthority(ctx context.Context, in *acmpca.RestoreCertificateAuthorityInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onGetCertificateAuthorityCsr(ctx context.Context, in *acmpca.GetCertificateAuthorityCsrInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onGetCertificateAuthorityCertificate(ctx context.Context, in *acmpca.GetCertificateAuthorityCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onImportCertificateAuthorityCertificate(ctx context.Context, in *acmpca.ImportCertificateAuthorityCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

// onIssueCertificate tells policies of the template as acm-pca:TemplateArn (Service
// Authorization Reference, "Condition keys for AWS Private Certificate Authority").
func (s *Service) onIssueCertificate(ctx context.Context, in *acmpca.IssueCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, map[string][]string{"acm-pca:templatearn": {s.templateARN(in.TemplateArn)}})
}

func (s *Service) onGetCertificate(ctx context.Context, in *acmpca.GetCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onRevokeCertificate(ctx context.Context, in *acmpca.RevokeCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onCreatePermission(ctx context.Context, in *acmpca.CreatePermissionInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onListPermissions(ctx context.Context, in *acmpca.ListPermissionsInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onDeletePermission(ctx context.Context, in *acmpca.DeletePermissionInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}

func (s *Service) onPutPolicy(ctx context.Context, in *acmpca.PutPolicyInput) (authz.Target, error) {
	return s.on(ctx, in.ResourceArn, nil)
}

func (s *Service) onGetPolicy(ctx context.Context, in *acmpca.GetPolicyInput) (authz.Target, error) {
	return s.on(ctx, in.ResourceArn, nil)
}

func (s *Service) onDeletePolicy(ctx context.Context, in *acmpca.DeletePolicyInput) (authz.Target, error) {
	return s.on(ctx, in.ResourceArn, nil)
}

func (s *Service) onTagCertificateAuthority(ctx context.Context, in *acmpca.TagCertificateAuthorityInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, requestTags(in.Tags))
}

func (s *Service) onUntagCertificateAuthority(ctx context.Context, in *acmpca.UntagCertificateAuthorityInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, requestTags(in.Tags))
}

func (s *Service) onListTags(ctx context.Context, in *acmpca.ListTagsInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateAuthorityArn, nil)
}
