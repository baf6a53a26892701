package kms

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"golang.org/x/time/rate"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Quotas that several operations share: which one counts depends on the key (KMS
// Developer Guide, "Request quotas").
const (
	sharedSymmetric = "symmetric"
	sharedRSA       = "RSA"
	sharedECC       = "ECC"
)

// requestQuotas are calls a second, by operation, by what several share, and of
// GenerateDataKeyPair by the pair. Each account has its own in each Region.
var requestQuotas = map[string]rate.Limit{
	sharedRSA: 1000, sharedECC: 1000,
	"CancelKeyDeletion": 5, "ConnectCustomKeyStore": 5, "CreateAlias": 5, "CreateCustomKeyStore": 5, "CreateGrant": 50,
	"CreateKey": 5, "DeleteAlias": 15, "DeleteCustomKeyStore": 5, "DeleteImportedKeyMaterial": 15,
	"DescribeCustomKeyStores": 5, "DescribeKey": 2000, "DisableKey": 5, "DisableKeyRotation": 5,
	"DisconnectCustomKeyStore": 5, "EnableKey": 5, "EnableKeyRotation": 15, "GetKeyLastUsage": 1000, "GetKeyPolicy": 1000,
	"GetKeyRotationStatus": 1000, "GetParametersForImport": 0.25, "GetPublicKey": 2000, "ImportKeyMaterial": 15,
	"ListAliases": 500, "ListGrants": 100, "ListKeyPolicies": 100, "ListKeyRotations": 100, "ListKeys": 500,
	"ListResourceTags": 2000, "ListRetirableGrants": 100, "PutKeyPolicy": 15, "ReplicateKey": 5, "RetireGrant": 30,
	"RevokeGrant": 30, "RotateKeyOnDemand": 5, "ScheduleKeyDeletion": 15, "TagResource": 10, "UntagResource": 5,
	"UpdateAlias": 5, "UpdateCustomKeyStore": 5, "UpdateKeyDescription": 5, "UpdatePrimaryRegion": 5,
	"ECC_NIST_P256": 25, "ECC_NIST_P384": 10, "ECC_NIST_P521": 5, "ECC_SECG_P256K1": 25, "ECC_NIST_EDWARDS25519": 25,
	"RSA_2048": 1, "RSA_3072": 0.5, "RSA_4096": 0.1,
}

// symmetricQuota is the one quota that differs by Region.
func symmetricQuota(region string) rate.Limit {
	switch region {
	case "us-east-1", "us-west-2", "eu-west-1":
		return 100_000
	case "us-east-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1", "eu-west-2":
		return 20_000
	default:
		return 10_000
	}
}

// maxLimiters is about how many accounts' quotas are kept at hand. One that falls
// out begins anew, with its whole second.
const maxLimiters = 16384

// quotas hold callers to AWS's request rates.
type quotas struct {
	clock    clock.Clock
	limiters *recent.Map[quotaName, *rate.Limiter]
}

type quotaName struct{ account, quota string }

func newQuotas(c clock.Clock) *quotas {
	return &quotas{c, recent.New[quotaName, *rate.Limiter](maxLimiters)}
}

// limited is the operation, refused to callers who call too often.
func (s *Service) limited(ops []wire.Operation) []wire.Operation {
	for i := range ops {
		ops[i].Admit = func(ctx context.Context, in any) error {
			return s.quotas.take(wire.CallFrom(ctx).Account(), s.quotaOf(ctx, ops[i].Name, in), s.region)
		}
	}
	return ops
}

// take counts a call against a quota. A second's worth may come at once.
func (q *quotas) take(account, quota, region string) error {
	name := quotaName{account, quota}
	l, ok := q.limiters.Get(name)
	if !ok {
		limit, known := requestQuotas[quota]
		if !known {
			limit = symmetricQuota(region)
		}
		l = rate.NewLimiter(limit, max(1, int(limit)))
		q.limiters.Put(name, l)
	}
	if l.AllowN(q.clock.Now(), 1) {
		return nil
	}
	return &smithy.GenericAPIError{
		Code: "ThrottlingException", Fault: smithy.FaultClient,
		Message: "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
	}
}

// quotaOf is the quota that a call counts against.
func (s *Service) quotaOf(ctx context.Context, operation string, in any) string {
	switch in := in.(type) {
	case *kms.GenerateDataKeyPairInput:
		return string(in.KeyPairSpec)
	case *kms.GenerateDataKeyPairWithoutPlaintextInput:
		return string(in.KeyPairSpec)
	case *kms.EncryptInput:
		return s.shared(ctx, in.KeyId)
	case *kms.DecryptInput:
		if in.EncryptionAlgorithm == "" || in.EncryptionAlgorithm == types.EncryptionAlgorithmSpecSymmetricDefault {
			return sharedSymmetric
		}
		return sharedRSA
	case *kms.ReEncryptInput:
		return s.shared(ctx, in.DestinationKeyId)
	case *kms.SignInput:
		return s.shared(ctx, in.KeyId)
	case *kms.VerifyInput:
		return s.shared(ctx, in.KeyId)
	case *kms.DeriveSharedSecretInput:
		return sharedECC
	}
	if _, ok := requestQuotas[operation]; ok {
		return operation
	}
	return sharedSymmetric
}

// shared is the quota of the kind of key. What names no key counts as symmetric.
func (s *Service) shared(ctx context.Context, id *string) string {
	k, err := s.find(ctx, id)
	switch {
	case err != nil || k.symmetric():
		return sharedSymmetric
	case strings.HasPrefix(string(k.Spec), "RSA_"):
		return sharedRSA
	case k.Usage == seal.GenerateVerifyMac:
		return sharedSymmetric
	default:
		return sharedECC
	}
}
