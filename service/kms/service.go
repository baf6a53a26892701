// Package kms serves the KMS API. It keeps keys, their policies, grants and aliases;
// package engine/seal does the cryptography. Material leaves a key only as what
// its operations give, and a key whose window has passed is gone for good.
//
//	target: id → key row → policy, conditions → gateway decides → handler: row → material → engine/seal
package kms

import (
	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Config is what a Service is made of.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
}

// Service implements the KMS API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	db        *store.DB
	clock     clock.Clock
	region    string
	materials *materials
	// changed wakes Run when a deletion was scheduled or cancelled; it has room
	// for one.
	changed chan struct{}
}

// New returns a Service that keeps its keys in c.DB.
func New(c Config) *Service {
	return &Service{
		db: c.DB, clock: c.Clock, region: c.Region,
		materials: recent.New[materialName, *seal.Material](hotMaterials), changed: make(chan struct{}, 1),
	}
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateKey, s.CreateKey),
		wire.Op(s.onDescribeKey, s.DescribeKey),
		wire.Op(s.onListKeys, s.ListKeys),
		wire.Op(s.onUpdateKeyDescription, s.UpdateKeyDescription),
		wire.Op(s.onEnableKey, s.EnableKey),
		wire.Op(s.onDisableKey, s.DisableKey),
		wire.Op(s.onScheduleKeyDeletion, s.ScheduleKeyDeletion),
		wire.Op(s.onCancelKeyDeletion, s.CancelKeyDeletion),

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

		wire.Op(s.onEncrypt, s.Encrypt, wire.ReadOnly),
		wire.Op(s.onDecrypt, s.Decrypt, wire.ReadOnly),
		wire.Op(s.onReEncrypt, s.ReEncrypt, wire.ReadOnly),
		wire.Op(s.onGenerateDataKey, s.GenerateDataKey, wire.ReadOnly),
		wire.Op(s.onGenerateDataKeyWithoutPlaintext, s.GenerateDataKeyWithoutPlaintext, wire.ReadOnly),
		wire.Op(s.onGenerateDataKeyPair, s.GenerateDataKeyPair, wire.ReadOnly),
		wire.Op(s.onGenerateDataKeyPairWithoutPlaintext, s.GenerateDataKeyPairWithoutPlaintext, wire.ReadOnly),
		wire.Op(s.onGenerateRandom, s.GenerateRandom, wire.ReadOnly),

		wire.Op(s.onSign, s.Sign, wire.ReadOnly),
		wire.Op(s.onVerify, s.Verify, wire.ReadOnly),
		wire.Op(s.onGenerateMac, s.GenerateMac, wire.ReadOnly),
		wire.Op(s.onVerifyMac, s.VerifyMac, wire.ReadOnly),
		wire.Op(s.onDeriveSharedSecret, s.DeriveSharedSecret, wire.ReadOnly),
		wire.Op(s.onGetPublicKey, s.GetPublicKey),
	}
}
