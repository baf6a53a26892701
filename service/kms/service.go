// Package kms serves the KMS API. It keeps keys, their policies, grants and aliases;
// package engine/seal does the cryptography. Material leaves a key only as what
// its operations give, and a key whose window has passed is gone for good.
//
//	target: id → key row → policy, conditions → gateway decides → handler: row → material → engine/seal
package kms

import (
	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Config is what a Service is made of.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
	// Uses knows when keys were last used, and Events keeps what the service does by
	// itself.
	Uses   Uses
	Events Events
	// Quotas holds callers to AWS's request rates.
	Quotas bool
	// Relay carries what multi-Region keys have to tell each other.
	Relay Relay
	// Outside is for custom key stores; empty lets there be external ones only.
	Outside Outside
}

// Service implements the KMS API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	db        *store.DB
	clock     clock.Clock
	region    string
	relay     Relay
	uses      Uses
	quotas    *quotas // nil for no quotas
	events    Events
	materials *materials
	grantees  *grantees
	outside   Outside
	keepers   keepers
	// connects wakes Run when a custom key store is to be connected; it has room for
	// one.
	connects chan struct{}
	worker   *jobs.Worker
}

// New returns a Service that keeps its keys in c.DB.
func New(c Config) *Service {
	s := &Service{
		db: c.DB, clock: c.Clock, region: c.Region, relay: c.Relay, uses: c.Uses, events: c.Events,
		materials: recent.New[materialName, *seal.Material](hotMaterials),
		grantees:  recent.New[granteeName, []*grant](hotGrantees),
		outside:   c.Outside, keepers: keepers{open: map[storeName]*opening{}}, connects: make(chan struct{}, 1),
	}
	if c.Quotas {
		s.quotas = newQuotas(c.Clock)
	}
	s.worker = s.duties()
	s.relay.Handle(relayTopic, relay.Handler{Apply: s.receive, Applied: s.wake})
	return s
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	if s.quotas != nil {
		return s.limited(s.operations())
	}
	return s.operations()
}

func (s *Service) operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateKey, s.CreateKey),
		wire.Op(s.onDescribeKey, s.DescribeKey),
		wire.Op(s.onListKeys, s.ListKeys),
		wire.Op(s.onUpdateKeyDescription, s.UpdateKeyDescription),
		wire.Op(s.onEnableKey, s.EnableKey),
		wire.Op(s.onDisableKey, s.DisableKey),
		wire.Op(s.onScheduleKeyDeletion, s.ScheduleKeyDeletion),
		wire.Op(s.onCancelKeyDeletion, s.CancelKeyDeletion),

		wire.Op(s.onEnableKeyRotation, s.EnableKeyRotation),
		wire.Op(s.onDisableKeyRotation, s.DisableKeyRotation),
		wire.Op(s.onGetKeyRotationStatus, s.GetKeyRotationStatus),
		wire.Op(s.onRotateKeyOnDemand, s.RotateKeyOnDemand),
		wire.Op(s.onListKeyRotations, s.ListKeyRotations),

		wire.Op(s.onGetParametersForImport, s.GetParametersForImport),
		wire.Op(s.onImportKeyMaterial, s.ImportKeyMaterial),
		wire.Op(s.onDeleteImportedKeyMaterial, s.DeleteImportedKeyMaterial),

		wire.Op(s.onReplicateKey, s.ReplicateKey),
		wire.Op(s.onUpdatePrimaryRegion, s.UpdatePrimaryRegion),

		wire.Op(s.onCreateCustomKeyStore, s.CreateCustomKeyStore),
		wire.Op(s.onDescribeCustomKeyStores, s.DescribeCustomKeyStores),
		wire.Op(s.onUpdateCustomKeyStore, s.UpdateCustomKeyStore),
		wire.Op(s.onDeleteCustomKeyStore, s.DeleteCustomKeyStore),
		wire.Op(s.onConnectCustomKeyStore, s.ConnectCustomKeyStore),
		wire.Op(s.onDisconnectCustomKeyStore, s.DisconnectCustomKeyStore),

		wire.Op(s.onCreateAlias, s.CreateAlias),
		wire.Op(s.onUpdateAlias, s.UpdateAlias),
		wire.Op(s.onDeleteAlias, s.DeleteAlias),
		wire.Op(s.onListAliases, s.ListAliases),

		wire.Op(s.onCreateGrant, s.CreateGrant),
		wire.Op(s.onListGrants, s.ListGrants),
		wire.Op(s.onListRetirableGrants, s.ListRetirableGrants),
		wire.Op(s.onRevokeGrant, s.RevokeGrant),
		wire.Op(s.onRetireGrant, s.RetireGrant),

		wire.Op(s.onGetKeyPolicy, s.GetKeyPolicy),
		wire.Op(s.onPutKeyPolicy, s.PutKeyPolicy),
		wire.Op(s.onListKeyPolicies, s.ListKeyPolicies),

		wire.Op(s.onTagResource, s.TagResource),
		wire.Op(s.onUntagResource, s.UntagResource),
		wire.Op(s.onListResourceTags, s.ListResourceTags),

		wire.Op(s.onEncrypt, s.Encrypt, wire.ReadOnly, wire.Uses),
		wire.Op(s.onDecrypt, s.Decrypt, wire.ReadOnly, wire.Uses),
		wire.Op(s.onReEncrypt, s.ReEncrypt, wire.ReadOnly, wire.Uses),
		wire.Op(s.onGenerateDataKey, s.GenerateDataKey, wire.ReadOnly, wire.Uses),
		wire.Op(s.onGenerateDataKeyWithoutPlaintext, s.GenerateDataKeyWithoutPlaintext, wire.ReadOnly, wire.Uses),
		wire.Op(s.onGenerateDataKeyPair, s.GenerateDataKeyPair, wire.ReadOnly, wire.Uses),
		wire.Op(s.onGenerateDataKeyPairWithoutPlaintext, s.GenerateDataKeyPairWithoutPlaintext, wire.ReadOnly, wire.Uses),
		wire.Op(s.onGenerateRandom, s.GenerateRandom, wire.ReadOnly),

		wire.Op(s.onSign, s.Sign, wire.ReadOnly, wire.Uses),
		wire.Op(s.onVerify, s.Verify, wire.ReadOnly, wire.Uses),
		wire.Op(s.onGenerateMac, s.GenerateMac, wire.ReadOnly, wire.Uses),
		wire.Op(s.onVerifyMac, s.VerifyMac, wire.ReadOnly, wire.Uses),
		wire.Op(s.onDeriveSharedSecret, s.DeriveSharedSecret, wire.ReadOnly, wire.Uses),
		wire.Op(s.onGetPublicKey, s.GetPublicKey),
		wire.Op(s.onGetKeyLastUsage, s.GetKeyLastUsage),
	}
}
