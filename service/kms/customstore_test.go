package kms_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

const xksHost = "https://xks.example.com"

// withProxy runs a server that reaches a proxy of its own, whatever the host.
func withProxy(t *testing.T) (*garrisontest.Server, *kms.Client, *xksproxy.Server) {
	t.Helper()
	p := xksproxy.Start(t, clock.System{}.Now)
	s := garrisontest.Start(t, func(c *server.Config) { c.Outside.XKS = p.HTTP })
	return s, kms.NewFromConfig(s.Config), p
}

// newExternal asks for an external key store behind the proxy.
func newExternal(name string) *kms.CreateCustomKeyStoreInput {
	return &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: &name, CustomKeyStoreType: "EXTERNAL_KEY_STORE", XksProxyConnectivity: "PUBLIC_ENDPOINT",
		XksProxyUriEndpoint: aws.String(xksHost), XksProxyUriPath: aws.String(xksproxy.Path),
		XksProxyAuthenticationCredential: proxyCredential(),
	}
}

func proxyCredential() *types.XksProxyAuthenticationCredentialType {
	return &types.XksProxyAuthenticationCredentialType{
		AccessKeyId: aws.String(xksproxy.AccessKeyID), RawSecretAccessKey: aws.String(xksproxy.SecretKey),
	}
}

func createStore(t *testing.T, c *kms.Client, in *kms.CreateCustomKeyStoreInput) string {
	t.Helper()
	out, err := c.CreateCustomKeyStore(t.Context(), in)
	if err != nil {
		t.Fatalf("create a custom key store: %v", err)
	}
	return *out.CustomKeyStoreId
}

func describeStore(t *testing.T, c *kms.Client, id string) types.CustomKeyStoresListEntry {
	t.Helper()
	out, err := c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreId: &id})
	if err != nil || len(out.CustomKeyStores) != 1 {
		t.Fatalf("describe %s: %v, %v", id, out, err)
	}
	return out.CustomKeyStores[0]
}

// connectStore connects, and returns how that ended.
func connectStore(t *testing.T, c *kms.Client, id string) (e types.CustomKeyStoresListEntry) {
	t.Helper()
	if _, err := c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: &id}); err != nil {
		t.Fatalf("connect %s: %v", id, err)
	}
	if !garrisontest.Eventually(func() bool {
		e = describeStore(t, c, id)
		return e.ConnectionState != types.ConnectionStateTypeConnecting
	}) {
		t.Fatalf("%s stays %s", id, e.ConnectionState)
	}
	return e
}

func disconnectStore(t *testing.T, c *kms.Client, id string) {
	t.Helper()
	if _, err := c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: &id}); err != nil {
		t.Fatalf("disconnect %s: %v", id, err)
	}
}

// connectedExternal makes a connected external key store.
func connectedExternal(t *testing.T, c *kms.Client) string {
	t.Helper()
	id := createStore(t, c, newExternal("external"))
	if e := connectStore(t, c, id); e.ConnectionState != types.ConnectionStateTypeConnected {
		t.Fatalf("the store is %s: %s", e.ConnectionState, e.ConnectionErrorCode)
	}
	return id
}

func externalKey(id, key string) *kms.CreateKeyInput {
	return &kms.CreateKeyInput{Origin: "EXTERNAL_KEY_STORE", CustomKeyStoreId: &id, XksKeyId: &key}
}

// TestExternalKey encrypts in every way, and shows that the proxy never sees a
// plaintext, and that both layers are needed.
func TestExternalKey(t *testing.T) {
	t.Parallel()
	_, c, p := withProxy(t)
	p.AddKey("fox")
	id := connectedExternal(t, c)
	k := create(t, c, externalKey(id, "fox"))
	if k.KeyState != "Enabled" || aws.ToString(k.CustomKeyStoreId) != id || k.Origin != "EXTERNAL_KEY_STORE" ||
		k.XksKeyConfiguration == nil || *k.XksKeyConfiguration.Id != "fox" || k.CurrentKeyMaterialId != nil {
		t.Errorf("key = %+v", k)
	}
	secret := []byte("the plaintext that stays here")
	context := map[string]string{"department": "finance"}
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: secret, EncryptionContext: context})
	last := p.Last()
	if last.Op != xksproxy.OpEncrypt || last.KeyID != "fox" || last.Metadata.Operation != "Encrypt" || last.Metadata.KeyARN != *k.Arn ||
		last.Metadata.PrincipalARN != "arn:aws:iam::"+account+":root" || last.Metadata.RequestID == "" {
		t.Errorf("the proxy was asked %+v", last)
	}
	for _, plain := range [][]byte{secret, []byte(base64.StdEncoding.EncodeToString(secret)), []byte("finance")} {
		if bytes.Contains(last.Body, plain) || bytes.Contains(decoded(last.Body), plain) {
			t.Errorf("the proxy saw %q", plain)
		}
	}
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context})
	if err != nil || !bytes.Equal(out.Plaintext, secret) || *out.KeyId != *k.Arn {
		t.Errorf("decrypted %v, %v", out, err)
	}
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, "KMSInvalidStateException: The external key store proxy rejected the request because the specified ciphertext or additional authenticated data is corrupted, missing, or otherwise invalid.")
	for at := range blob {
		bad := bytes.Clone(blob)
		bad[at] ^= 1
		if _, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: bad, EncryptionContext: context, KeyId: k.KeyId}); err == nil {
			t.Errorf("byte %d was changed, and the blob opens", at)
		}
	}
	if len(last.Metadata.ViaService) != 0 {
		t.Errorf("via service = %q", last.Metadata.ViaService)
	}
}

// decoded are the bytes of all base64 in a JSON body.
func decoded(body []byte) (all []byte) {
	for part := range strings.SplitSeq(string(body), `"`) {
		if b, err := base64.StdEncoding.DecodeString(part); err == nil {
			all = append(all, b...)
		}
	}
	return all
}

// TestExternalKeyOperations runs what else a symmetric key does.
func TestExternalKeyOperations(t *testing.T) {
	t.Parallel()
	_, c, p := withProxy(t)
	p.AddKey("fox")
	p.AddKey("hen")
	id := connectedExternal(t, c)
	k, other, plain := create(t, c, externalKey(id, "fox")), create(t, c, externalKey(id, "hen")), createKey(t, c)
	data, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: "AES_256"})
	if err != nil {
		t.Fatal(err)
	}
	opens(t, c, data.CiphertextBlob, nil, data.Plaintext)
	pair, err := c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: "RSA_4096"})
	if err != nil {
		t.Fatal(err)
	}
	opens(t, c, pair.PrivateKeyCiphertextBlob, nil, pair.PrivateKeyPlaintext)
	big := bytes.Repeat([]byte{7}, 4096)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: big, EncryptionContext: map[string]string{"x": strings.Repeat("y", 8000)}})
	if len(blob) > 6144 {
		t.Errorf("the blob of 4 KiB has %d bytes", len(blob))
	}
	for _, move := range []struct{ from, to *types.KeyMetadata }{{k, other}, {other, k}, {k, plain}, {plain, k}} {
		blob := encrypt(t, c, &kms.EncryptInput{KeyId: move.from.KeyId, Plaintext: []byte("moved")})
		out, err := c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: move.to.KeyId})
		if err != nil {
			t.Fatalf("re-encrypt: %v", err)
		}
		opens(t, c, out.CiphertextBlob, nil, []byte("moved"))
		_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, KeyId: move.from.KeyId})
		garrisontest.Want(t, err, "IncorrectKeyException: ")
	}
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), DryRun: aws.Bool(true)})
	garrisontest.Want(t, err, "DryRunOperationException: ")
	for name, err := range map[string]error{
		"rotate":    second(c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyId})),
		"on demand": second(c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})),
		"status":    second(c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: k.KeyId})),
		"replicate": second(c.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: k.KeyId, ReplicaRegion: aws.String("eu-west-1")})),
		"import":    second(c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{KeyId: k.KeyId, WrappingAlgorithm: "RSAES_OAEP_SHA_256", WrappingKeySpec: "RSA_2048"})),
	} {
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, "UnsupportedOperationException: ") {
			t.Errorf("%s: %q, want UnsupportedOperationException", name, got)
		}
	}
}
