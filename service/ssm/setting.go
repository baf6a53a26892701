package ssm

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A setting is a service setting that an account has changed.
type setting struct {
	Account  string    `cbor:"1,keyasint"`
	ID       string    `cbor:"2,keyasint"`
	Value    string    `cbor:"3,keyasint"`
	Modified time.Time `cbor:"4,keyasint"`
	By       string    `cbor:"5,keyasint"` // an ARN
}

var settings = store.NewTable("ssm.setting",
	func(t *setting) store.Key { return store.K(t.Account, t.ID) }, store.Unwatched[setting]())

const (
	tierSetting       = "/ssm/parameter-store/default-parameter-tier"
	throughputSetting = "/ssm/parameter-store/high-throughput-enabled"
)

// settingValues are the settings' values, the default first. Throughput is bounded
// by the machine alone here, whatever the setting says.
func settingValues(id string) []string {
	switch id {
	case tierSetting:
		return []string{string(types.ParameterTierStandard), string(types.ParameterTierAdvanced), string(types.ParameterTierIntelligentTiering)}
	case throughputSetting:
		return []string{"false", "true"}
	default:
		return nil
	}
}

// defaultTier is the tier of parameters whose maker names none.
func defaultTier(tx *store.Tx, account string) (types.ParameterTier, error) {
	t, err := settings.Get(tx, account, tierSetting)
	if errors.Is(err, store.ErrNotFound) {
		return types.ParameterTierStandard, nil
	}
	if err != nil {
		return "", err
	}
	return types.ParameterTier(t.Value), nil
}

// settingOf is the setting's id by what a caller gave: the id or the ARN.
func (s *Service) settingOf(ctx context.Context, given string) (string, error) {
	id := strings.TrimPrefix(given, s.settingARN(wire.CallFrom(ctx).Account(), ""))
	if len(settingValues(id)) == 0 {
		return "", &types.ServiceSettingNotFound{Message: aws.String("Setting ID " + given + " not found.")}
	}
	return id, nil
}

func (s *Service) settingARN(account, id string) string {
	return arn.New("ssm", s.region, account, "servicesetting"+id)
}

// GetServiceSetting returns a setting of Parameter Store as it counts.
func (s *Service) GetServiceSetting(ctx context.Context, in *ssm.GetServiceSettingInput) (*ssm.GetServiceSettingOutput, error) {
	out, err := s.setting(ctx, *in.SettingId)
	return &ssm.GetServiceSettingOutput{ServiceSetting: out}, err
}

func (s *Service) setting(ctx context.Context, given string) (*types.ServiceSetting, error) {
	id, err := s.settingOf(ctx, given)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	out := &types.ServiceSetting{
		SettingId: &id, ARN: aws.String(s.settingARN(account, id)),
		SettingValue: aws.String(settingValues(id)[0]), Status: aws.String("Default"),
	}
	var t *setting
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		t, err = settings.Get(tx, account, id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return out, nil
	case err != nil:
		return nil, err
	}
	out.SettingValue, out.Status, out.LastModifiedDate, out.LastModifiedUser = &t.Value, aws.String("Customized"), &t.Modified, &t.By
	return out, nil
}

// UpdateServiceSetting changes a setting of Parameter Store for the account.
func (s *Service) UpdateServiceSetting(ctx context.Context, in *ssm.UpdateServiceSettingInput) (*ssm.UpdateServiceSettingOutput, error) {
	id, err := s.settingOf(ctx, *in.SettingId)
	if err != nil {
		return nil, err
	}
	if values := settingValues(id); !slices.Contains(values, *in.SettingValue) {
		return nil, invalid("Invalid setting value for %s. Valid values are: [%s].", id, strings.Join(values, ", "))
	}
	call := wire.CallFrom(ctx)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		return settings.Put(tx, &setting{
			Account: call.Account(), ID: id, Value: *in.SettingValue, Modified: tx.Now(), By: call.Principal.ARN,
		})
	})
	if err != nil {
		return nil, err
	}
	return &ssm.UpdateServiceSettingOutput{}, nil
}

// ResetServiceSetting brings a setting's default back.
func (s *Service) ResetServiceSetting(ctx context.Context, in *ssm.ResetServiceSettingInput) (*ssm.ResetServiceSettingOutput, error) {
	id, err := s.settingOf(ctx, *in.SettingId)
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		return or(nil, settings.Delete(tx, wire.CallFrom(ctx).Account(), id))
	})
	if err != nil {
		return nil, err
	}
	out, err := s.setting(ctx, id)
	return &ssm.ResetServiceSettingOutput{ServiceSetting: out}, err
}
