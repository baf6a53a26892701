package kms

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// Custom key stores are no resources: policies allow their operations on "*".

func (s *Service) onCreateCustomKeyStore(ctx context.Context, _ *kms.CreateCustomKeyStoreInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}

func (s *Service) onDescribeCustomKeyStores(ctx context.Context, _ *kms.DescribeCustomKeyStoresInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}

func (s *Service) onUpdateCustomKeyStore(ctx context.Context, _ *kms.UpdateCustomKeyStoreInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}

func (s *Service) onDeleteCustomKeyStore(ctx context.Context, _ *kms.DeleteCustomKeyStoreInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}

func (s *Service) onConnectCustomKeyStore(ctx context.Context, _ *kms.ConnectCustomKeyStoreInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}

func (s *Service) onDisconnectCustomKeyStore(ctx context.Context, _ *kms.DisconnectCustomKeyStoreInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}
