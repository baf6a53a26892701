package kms

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/lastuse"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Uses knows when things were last used.
type Uses interface {
	LastUse(ctx context.Context, t lastuse.Thing) (u lastuse.Use, ok bool, err error)
}

func (s *Service) onGetKeyLastUsage(ctx context.Context, in *kms.GetKeyLastUsageInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

// GetKeyLastUsage tells what a key was last used for, by whoever's call. Uses are
// recorded from a key's beginning.
func (s *Service) GetKeyLastUsage(ctx context.Context, in *kms.GetKeyLastUsageInput) (*kms.GetKeyLastUsageOutput, error) {
	k, err := s.own(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &kms.GetKeyLastUsageOutput{KeyId: &k.ID, KeyCreationDate: &k.Created, TrackingStartDate: &k.Created}
	u, ok, err := s.uses.LastUse(ctx, lastuse.Thing{Kind: lastuse.Resource, Account: k.Account, ID: k.arn()})
	if err != nil || !ok {
		return out, err
	}
	out.KeyLastUsage = &types.KeyLastUsageData{
		Operation: types.KeyLastUsageTrackingOperation(u.Operation), Timestamp: &u.At,
		CloudTrailEventId: &u.EventID, KmsRequestId: &u.RequestID,
	}
	return out, nil
}

// Events keeps what the service does by itself.
type Events interface {
	Write(tx *store.Tx, e *audit.ServiceEvent) error
}

// record notes in the transaction what was done to a key with no call to answer.
func (s *Service) record(tx *store.Tx, k *key, name string, details map[string]string) error {
	d := map[string]string{"keyId": k.ID}
	maps.Copy(d, details)
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return s.events.Write(tx, &audit.ServiceEvent{
		Time: tx.Now(), Source: "kms.amazonaws.com", Name: name, Region: s.region, Account: k.Account,
		Resources: []audit.Resource{{ARN: k.arn(), Type: keyType, Account: k.Account}}, Details: b,
	})
}
