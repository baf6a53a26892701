package kms_test

import "github.com/aws/aws-sdk-go-v2/service/kms/types"

// cells are what an operation answers to a key in each of keyStates.
type cells [7]string

// keyStates are the columns of the table. Creating is not among them: a replica is
// there only when it can be used, so that the state is seen in ReplicateKey's own
// answer alone, and no call meets a key in it.
var keyStates = [7]types.KeyState{
	types.KeyStateEnabled, types.KeyStateDisabled, types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion,
	types.KeyStatePendingImport, types.KeyStateUnavailable, types.KeyStateUpdating,
}

// AWS's errors of a key's state, ARN standing for the key's (KMS Developer Guide,
// "Key states of AWS KMS keys"). The guide allows two codes for a cryptographic
// operation and a key pending deletion, DisabledException and the one here, which
// is what AWS answers. Its texts write "pending deletion (or pending replica
// deletion)" for the state that the key is in.
const (
	works        = ""
	disabled     = "DisabledException: ARN is disabled."
	pending      = "KMSInvalidStateException: ARN is pending deletion."
	replicas     = "KMSInvalidStateException: ARN is pending replica deletion."
	notPending   = "KMSInvalidStateException: ARN is not pending deletion."
	importing    = "KMSInvalidStateException: ARN is pending import."
	unavailable  = "KMSInvalidStateException: ARN is unavailable."
	updating     = "KMSInvalidStateException: ARN is updating."
	single       = "UnsupportedOperationException: ARN is not a multi-Region primary key."
	fromKMS      = "UnsupportedOperationException: ARN origin is AWS_KMS which is not valid for this operation."
	fromExternal = "UnsupportedOperationException: ARN origin is EXTERNAL which is not valid for this operation."
	fromStore    = "UnsupportedOperationException: ARN origin is EXTERNAL_KEY_STORE which is not valid for this operation."
	notSymmetric = "UnsupportedOperationException: ARN key spec is ECC_NIST_P256 which is not valid for this operation."
	nothingNew   = "KMSInvalidStateException: ARN has no imported key material that is pending rotation."
	never        = "-" // no key can be in this state
)

// Rows that several operations share.
var (
	always  = cells{works, works, works, works, works, works, works}
	using   = cells{works, disabled, pending, replicas, importing, unavailable, works}
	editing = cells{works, works, pending, replicas, works, works, works}
	// Of an unavailable key the guide says that the state does not change until the
	// store is connected again.
	switching = cells{works, works, pending, replicas, importing, works, updating}
	// Custom key stores have none of these keys.
	usingPair = cells{works, disabled, pending, replicas, importing, never, works}
	planning  = cells{works, disabled, pending, replicas, fromExternal, fromStore, updating}
)

// A stateRow is one operation of AWS's table. The keys are AWS_KMS's, but those
// awaiting import, whose origin is EXTERNAL, and those unavailable, which lie in
// an external key store.
type stateRow struct {
	operation string
	usage     types.KeyUsageType // empty is ENCRYPT_DECRYPT
	cells     cells
	// needs is what the call needs beforehand.
	needs need
}

type need int

const (
	nothing  need = iota
	material      // a key awaiting import had material before
	relative      // a key of any state is a multi-Region primary, if it can be
)

const (
	signing   = types.KeyUsageTypeSignVerify
	macs      = types.KeyUsageTypeGenerateVerifyMac
	agreement = types.KeyUsageTypeKeyAgreement
)

// stateTable is AWS's table. What AWS says of an update of the primary Region is
// that cryptography goes on and "certain management operations, such as enabling
// or disabling" do not (KMS API Reference, UpdatePrimaryRegion): which others is
// not certain, and neither is what a multi-Region key awaiting import refuses.
var stateTable = []stateRow{
	{operation: "CancelKeyDeletion", cells: cells{notPending, notPending, works, works, notPending, notPending, notPending}},
	{operation: "CreateAlias", cells: editing},
	{operation: "CreateGrant", cells: cells{works, disabled, pending, replicas, importing, works, works}},
	{operation: "Decrypt", cells: using, needs: material},
	{operation: "DeleteAlias", cells: always},
	{operation: "DeleteImportedKeyMaterial", cells: cells{fromKMS, fromKMS, fromKMS, fromKMS, works, fromStore, fromKMS}, needs: material},
	{operation: "DeriveSharedSecret", usage: agreement, cells: usingPair},
	{operation: "DescribeKey", cells: always},
	{operation: "DisableKey", cells: switching},
	{operation: "DisableKeyRotation", cells: planning},
	{operation: "EnableKey", cells: switching},
	{operation: "EnableKeyRotation", cells: planning},
	{operation: "Encrypt", cells: using},
	{operation: "GenerateDataKey", cells: using},
	{operation: "GenerateDataKeyPair", cells: using},
	{operation: "GenerateDataKeyPairWithoutPlaintext", cells: using},
	{operation: "GenerateDataKeyWithoutPlaintext", cells: using},
	{operation: "GenerateMac", usage: macs, cells: usingPair},
	{operation: "GetKeyLastUsage", cells: always},
	{operation: "GetKeyPolicy", cells: always},
	// The guide's table, older than the rotation of imported material, refuses keys
	// whose origin is EXTERNAL; the API Reference has them ask for a rotation that is
	// in progress.
	{operation: "GetKeyRotationStatus", cells: cells{works, works, works, works, works, fromStore, works}},
	{operation: "GetParametersForImport", cells: cells{fromKMS, fromKMS, fromKMS, fromKMS, works, fromStore, fromKMS}},
	{operation: "GetPublicKey", usage: signing, cells: usingPair},
	{operation: "ImportKeyMaterial", cells: cells{fromKMS, fromKMS, fromKMS, fromKMS, works, fromStore, fromKMS}, needs: material},
	{operation: "ListAliases", cells: always},
	{operation: "ListGrants", cells: always},
	{operation: "ListKeyPolicies", cells: always},
	{operation: "ListKeyRotations", cells: always},
	{operation: "ListResourceTags", cells: always},
	{operation: "PutKeyPolicy", cells: always},
	{operation: "ReEncrypt from", cells: using, needs: material},
	{operation: "ReEncrypt to", cells: using},
	{operation: "ReplicateKey", cells: cells{works, disabled, pending, replicas, works, single, updating}, needs: relative},
	{operation: "RetireGrant", cells: always, needs: material},
	{operation: "RevokeGrant", cells: always, needs: material},
	{operation: "RotateKeyOnDemand", cells: cells{works, disabled, pending, replicas, importing, fromStore, updating}},
	{operation: "ScheduleKeyDeletion", cells: cells{works, works, pending, replicas, works, works, updating}},
	{operation: "Sign", usage: signing, cells: usingPair},
	{operation: "TagResource", cells: editing},
	{operation: "UntagResource", cells: editing},
	{operation: "UpdateAlias from", cells: always},
	{operation: "UpdateAlias to", cells: editing},
	{operation: "UpdateKeyDescription", cells: editing},
	{operation: "UpdatePrimaryRegion", cells: cells{works, disabled, pending, replicas, works, single, updating}, needs: relative},
	{operation: "Verify", usage: signing, cells: usingPair},
	{operation: "VerifyMac", usage: macs, cells: usingPair},
}

// originTable is what the table's footnotes say of keys that AWS_KMS does not make,
// and of asymmetric ones: for Enabled, Disabled and PendingDeletion. Operations of
// one kind of key follow each other on the same key.
var originTable = []struct {
	operation string
	origin    types.OriginType
	usage     types.KeyUsageType
	cells     [3]string
}{
	{"DisableKeyRotation", "EXTERNAL", "", [3]string{fromExternal, fromExternal, fromExternal}},
	{"DisableKeyRotation", "EXTERNAL_KEY_STORE", "", [3]string{fromStore, fromStore, fromStore}},
	{"DisableKeyRotation", "AWS_KMS", signing, [3]string{notSymmetric, notSymmetric, notSymmetric}},
	{"EnableKeyRotation", "EXTERNAL", "", [3]string{fromExternal, fromExternal, fromExternal}},
	{"EnableKeyRotation", "EXTERNAL_KEY_STORE", "", [3]string{fromStore, fromStore, fromStore}},
	{"EnableKeyRotation", "AWS_KMS", signing, [3]string{notSymmetric, notSymmetric, notSymmetric}},
	{"GetKeyRotationStatus", "EXTERNAL", "", [3]string{works, works, works}},
	{"GetKeyRotationStatus", "EXTERNAL_KEY_STORE", "", [3]string{fromStore, fromStore, fromStore}},
	{"GetKeyRotationStatus", "AWS_KMS", signing, [3]string{works, works, works}},
	{"RotateKeyOnDemand", "EXTERNAL", "", [3]string{nothingNew, disabled, pending}},
	{"RotateKeyOnDemand", "EXTERNAL_KEY_STORE", "", [3]string{fromStore, fromStore, fromStore}},
	{"RotateKeyOnDemand", "AWS_KMS", signing, [3]string{notSymmetric, notSymmetric, notSymmetric}},
	{"ListKeyRotations", "AWS_KMS", signing, [3]string{notSymmetric, notSymmetric, notSymmetric}},
	{"GetParametersForImport", "EXTERNAL", "", [3]string{works, works, pending}},
	{"GetParametersForImport", "EXTERNAL_KEY_STORE", "", [3]string{fromStore, fromStore, fromStore}},
	{"ImportKeyMaterial", "EXTERNAL", "", [3]string{works, works, pending}},
	{"ImportKeyMaterial", "EXTERNAL_KEY_STORE", "", [3]string{fromStore, fromStore, fromStore}},
	{"ReplicateKey", "EXTERNAL_KEY_STORE", "", [3]string{single, single, single}},
	{"UpdatePrimaryRegion", "EXTERNAL_KEY_STORE", "", [3]string{single, single, single}},
	// Material may go at any time; a key pending deletion stays so.
	{"DeleteImportedKeyMaterial", "EXTERNAL", "", [3]string{works, works, works}},
	{"DeleteImportedKeyMaterial", "EXTERNAL_KEY_STORE", "", [3]string{fromStore, fromStore, fromStore}},
}
