package kms_test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// stateCalls are the operations that name a key, each as it would be right for a
// key of its kind that is enabled.
var stateCalls = map[string]func(context.Context, *fixture) error{
	"CancelKeyDeletion": func(ctx context.Context, f *fixture) error {
		return second(f.c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: f.key.KeyId}))
	},
	"CreateAlias": func(ctx context.Context, f *fixture) error {
		return second(f.c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(f.alias + "-2"), TargetKeyId: f.key.KeyId}))
	},
	"CreateGrant": func(ctx context.Context, f *fixture) error {
		return second(f.c.CreateGrant(ctx, grantTo(f.key, "ann", "Decrypt")))
	},
	"Decrypt": func(ctx context.Context, f *fixture) error {
		return second(f.c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: f.blob}))
	},
	"DeleteAlias": func(ctx context.Context, f *fixture) error {
		return second(f.c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &f.alias}))
	},
	"DeleteImportedKeyMaterial": func(ctx context.Context, f *fixture) error {
		return second(f.c.DeleteImportedKeyMaterial(ctx, &kms.DeleteImportedKeyMaterialInput{KeyId: f.key.KeyId}))
	},
	"DeriveSharedSecret": func(ctx context.Context, f *fixture) error {
		public, err := f.c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: f.peer.KeyId})
		if err != nil {
			return err
		}
		return second(f.c.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: f.key.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: public.PublicKey}))
	},
	"DescribeKey": func(ctx context.Context, f *fixture) error {
		return second(f.c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: f.key.KeyId}))
	},
	"DisableKey": func(ctx context.Context, f *fixture) error {
		return second(f.c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: f.key.KeyId}))
	},
	"DisableKeyRotation": func(ctx context.Context, f *fixture) error {
		return second(f.c.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: f.key.KeyId}))
	},
	"EnableKey": func(ctx context.Context, f *fixture) error {
		return second(f.c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: f.key.KeyId}))
	},
	"EnableKeyRotation": func(ctx context.Context, f *fixture) error {
		return second(f.c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: f.key.KeyId}))
	},
	"Encrypt": func(ctx context.Context, f *fixture) error {
		return second(f.c.Encrypt(ctx, &kms.EncryptInput{KeyId: f.key.KeyId, Plaintext: []byte("x")}))
	},
	"GenerateDataKey": func(ctx context.Context, f *fixture) error {
		return second(f.c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: f.key.KeyId, KeySpec: "AES_256"}))
	},
	"GenerateDataKeyPair": func(ctx context.Context, f *fixture) error {
		return second(f.c.GenerateDataKeyPair(ctx, &kms.GenerateDataKeyPairInput{KeyId: f.key.KeyId, KeyPairSpec: "ECC_NIST_P256"}))
	},
	"GenerateDataKeyPairWithoutPlaintext": func(ctx context.Context, f *fixture) error {
		return second(f.c.GenerateDataKeyPairWithoutPlaintext(ctx, &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: f.key.KeyId, KeyPairSpec: "ECC_NIST_P256"}))
	},
	"GenerateDataKeyWithoutPlaintext": func(ctx context.Context, f *fixture) error {
		return second(f.c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: f.key.KeyId, KeySpec: "AES_256"}))
	},
	"GenerateMac": func(ctx context.Context, f *fixture) error {
		return second(f.c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: f.key.KeyId, Message: []byte("x"), MacAlgorithm: "HMAC_SHA_256"}))
	},
	"GetKeyLastUsage": func(ctx context.Context, f *fixture) error {
		return second(f.c.GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: f.key.KeyId}))
	},
	"GetKeyPolicy": func(ctx context.Context, f *fixture) error {
		return second(f.c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: f.key.KeyId}))
	},
	"GetKeyRotationStatus": func(ctx context.Context, f *fixture) error {
		return second(f.c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: f.key.KeyId}))
	},
	"GetParametersForImport": func(ctx context.Context, f *fixture) error {
		return second(f.c.GetParametersForImport(ctx, &kms.GetParametersForImportInput{KeyId: f.key.KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048"}))
	},
	"GetPublicKey": func(ctx context.Context, f *fixture) error {
		return second(f.c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: f.key.KeyId}))
	},
	"ImportKeyMaterial": func(ctx context.Context, f *fixture) error {
		in := f.material
		if in == nil { // of a key that takes none
			in = &kms.ImportKeyMaterialInput{ImportToken: []byte("t"), EncryptedKeyMaterial: []byte("m"), ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire}
		}
		in.KeyId = f.key.KeyId
		return second(f.c.ImportKeyMaterial(ctx, in))
	},
	"ListAliases": func(ctx context.Context, f *fixture) error {
		return second(f.c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: f.key.KeyId}))
	},
	"ListGrants": func(ctx context.Context, f *fixture) error {
		return second(f.c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: f.key.KeyId}))
	},
	"ListKeyPolicies": func(ctx context.Context, f *fixture) error {
		return second(f.c.ListKeyPolicies(ctx, &kms.ListKeyPoliciesInput{KeyId: f.key.KeyId}))
	},
	"ListKeyRotations": func(ctx context.Context, f *fixture) error {
		return second(f.c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: f.key.KeyId}))
	},
	"ListResourceTags": func(ctx context.Context, f *fixture) error {
		return second(f.c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: f.key.KeyId}))
	},
	"PutKeyPolicy": func(ctx context.Context, f *fixture) error {
		return second(f.c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: f.key.KeyId, Policy: aws.String(allowAccount)}))
	},
	"ReEncrypt from": func(ctx context.Context, f *fixture) error {
		return second(f.c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: f.blob, DestinationKeyId: f.peer.KeyId}))
	},
	"ReEncrypt to": func(ctx context.Context, f *fixture) error {
		sealed, err := f.c.Encrypt(ctx, &kms.EncryptInput{KeyId: f.peer.KeyId, Plaintext: []byte("x")})
		if err != nil {
			return err
		}
		return second(f.c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: sealed.CiphertextBlob, DestinationKeyId: f.key.KeyId}))
	},
	"ReplicateKey": func(ctx context.Context, f *fixture) error {
		return second(f.c.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: f.key.KeyId, ReplicaRegion: aws.String(third)}))
	},
	"RetireGrant": func(ctx context.Context, f *fixture) error {
		return second(f.c.RetireGrant(ctx, &kms.RetireGrantInput{GrantToken: f.grant.GrantToken}))
	},
	"RevokeGrant": func(ctx context.Context, f *fixture) error {
		return second(f.c.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: f.key.KeyId, GrantId: f.grant.GrantId}))
	},
	"RotateKeyOnDemand": func(ctx context.Context, f *fixture) error {
		return second(f.c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: f.key.KeyId}))
	},
	"ScheduleKeyDeletion": func(ctx context.Context, f *fixture) error {
		return second(f.c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: f.key.KeyId}))
	},
	"Sign": func(ctx context.Context, f *fixture) error {
		return second(f.c.Sign(ctx, &kms.SignInput{KeyId: f.key.KeyId, Message: []byte("x"), SigningAlgorithm: "ECDSA_SHA_256"}))
	},
	"TagResource": func(ctx context.Context, f *fixture) error {
		return second(f.c.TagResource(ctx, &kms.TagResourceInput{KeyId: f.key.KeyId, Tags: tags(1)}))
	},
	"UntagResource": func(ctx context.Context, f *fixture) error {
		return second(f.c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: f.key.KeyId, TagKeys: []string{"x"}}))
	},
	"UpdateAlias from": func(ctx context.Context, f *fixture) error {
		return second(f.c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &f.alias, TargetKeyId: f.peer.KeyId}))
	},
	"UpdateAlias to": func(ctx context.Context, f *fixture) error {
		name := aws.String(f.alias + "-3")
		if _, err := f.c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: f.peer.KeyId}); err != nil {
			return err
		}
		return second(f.c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: name, TargetKeyId: f.key.KeyId}))
	},
	"UpdateKeyDescription": func(ctx context.Context, f *fixture) error {
		return second(f.c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: f.key.KeyId, Description: aws.String("d")}))
	},
	"UpdatePrimaryRegion": func(ctx context.Context, f *fixture) error {
		return second(f.c.UpdatePrimaryRegion(ctx, &kms.UpdatePrimaryRegionInput{KeyId: f.key.KeyId, PrimaryRegion: aws.String(elsewhere)}))
	},
	"Verify": func(ctx context.Context, f *fixture) error {
		return second(f.c.Verify(ctx, &kms.VerifyInput{KeyId: f.key.KeyId, Message: []byte("x"), Signature: f.signature, SigningAlgorithm: "ECDSA_SHA_256"}))
	},
	"VerifyMac": func(ctx context.Context, f *fixture) error {
		return second(f.c.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: f.key.KeyId, Message: []byte("x"), Mac: f.mac, MacAlgorithm: "HMAC_SHA_256"}))
	},
}
