package acm

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// on asks for the operation's own action on the certificate of an ARN.
func (s *Service) on(ctx context.Context, given *string, tags []types.Tag) (authz.Target, error) {
	account, id, err := s.idOf(ctx, *given)
	t := authz.Target{Resource: *given, Type: certificateType, Conditions: requestTags(tags)}
	if lost, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		t.Type, t.Missing = "", lost
		return t, nil
	}
	if err != nil {
		return t, err
	}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		row, err := certificates.Get(tx, account, id)
		if err == nil {
			t.Tags = row.Tags
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		t.Type, t.Missing, err = "", missing(*given), nil
	}
	return t, err
}

func requestTags(tags []types.Tag) map[string][]string {
	c := map[string][]string{}
	for _, t := range tags {
		c["aws:requesttag/"+strings.ToLower(aws.ToString(t.Key))] = []string{aws.ToString(t.Value)}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], aws.ToString(t.Key))
	}
	return c
}

// onRequestCertificate tells policies what is asked for (Service Authorization
// Reference, "Condition keys for AWS Certificate Manager").
func (s *Service) onRequestCertificate(ctx context.Context, in *acm.RequestCertificateInput) (authz.Target, error) {
	t := authz.On(arn.New("acm", s.Region, wire.CallFrom(ctx).Account(), resource+"*"))
	t.Conditions = requestTags(in.Tags)
	t.Conditions["acm:domainnames"] = append([]string{strings.ToLower(*in.DomainName)}, lower(in.SubjectAlternativeNames)...)
	for key, value := range map[string]string{
		"validationmethod": string(in.ValidationMethod), "keyalgorithm": string(in.KeyAlgorithm), "certificateauthority": aws.ToString(in.CertificateAuthorityArn),
	} {
		if value != "" {
			t.Conditions["acm:"+key] = []string{value}
		}
	}
	if in.Options != nil {
		t.Conditions["acm:export"] = []string{string(in.Options.Export)}
		t.Conditions["acm:certificatetransparencylogging"] = []string{string(in.Options.CertificateTransparencyLoggingPreference)}
	}
	return t, nil
}

func lower(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	return out
}

func (s *Service) onImportCertificate(ctx context.Context, in *acm.ImportCertificateInput) (authz.Target, error) {
	if in.CertificateArn != nil {
		return s.on(ctx, in.CertificateArn, in.Tags)
	}
	t := authz.On(arn.New("acm", s.Region, wire.CallFrom(ctx).Account(), resource+"*"))
	t.Conditions = requestTags(in.Tags)
	return t, nil
}

func (s *Service) onListCertificates(context.Context, *acm.ListCertificatesInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onSearchCertificates(context.Context, *acm.SearchCertificatesInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onGetAccountConfiguration(context.Context, *acm.GetAccountConfigurationInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onPutAccountConfiguration(context.Context, *acm.PutAccountConfigurationInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onDescribeCertificate(ctx context.Context, in *acm.DescribeCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}

func (s *Service) onDeleteCertificate(ctx context.Context, in *acm.DeleteCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}

func (s *Service) onUpdateCertificateOptions(ctx context.Context, in *acm.UpdateCertificateOptionsInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}

func (s *Service) onRenewCertificate(ctx context.Context, in *acm.RenewCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}

func (s *Service) onRevokeCertificate(ctx context.Context, in *acm.RevokeCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}

func (s *Service) onGetCertificate(ctx context.Context, in *acm.GetCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}

func (s *Service) onExportCertificate(ctx context.Context, in *acm.ExportCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}

func (s *Service) onAddTagsToCertificate(ctx context.Context, in *acm.AddTagsToCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, in.Tags)
}

func (s *Service) onRemoveTagsFromCertificate(ctx context.Context, in *acm.RemoveTagsFromCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, in.Tags)
}

func (s *Service) onListTagsForCertificate(ctx context.Context, in *acm.ListTagsForCertificateInput) (authz.Target, error) {
	return s.on(ctx, in.CertificateArn, nil)
}
