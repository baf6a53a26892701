package kms_test

import (
	"bytes"
	"encoding/pem"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/internal/hsm/hsmtest"
	"github.com/garrison-cloud/garrison/internal/server"
	"github.com/garrison-cloud/garrison/service/kms"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

// The clusters that test servers know: the first's token, another token, the
// first's token under a second name, one of an account of its own, and one that
// is not there.
const (
	clusterOne     = "cluster-2a23b4cdefg"
	clusterTwo     = "cluster-3a23b4cdefg"
	clusterBackup  = "cluster-4a23b4cdefg"
	clusterOthers  = "cluster-5a23b4cdefg"
	clusterMissing = "cluster-6a23b4cdefg"
)

func tokenConfig(k *hsmtest.Token, label string) hsm.Config {
	return hsm.Config{Helper: k.Helper, Module: k.Module, Token: label, Env: k.Env}
}

func clustersOf(k *hsmtest.Token) map[string]kms.Cluster {
	return map[string]kms.Cluster{
		clusterOne:     {Token: tokenConfig(k, k.Label)},
		clusterTwo:     {Token: tokenConfig(k, "other")},
		clusterBackup:  {Token: tokenConfig(k, k.Label)},
		clusterOthers:  {Token: tokenConfig(k, k.Label), Account: other},
		clusterMissing: {Token: tokenConfig(k, "missing")},
	}
}

// withToken runs a server that knows a fresh SoftHSM token.
func withToken(t *testing.T, opts ...garrisontest.Option) (*garrisontest.Server, *sdk.Client, *hsmtest.Token) {
	t.Helper()
	k := hsmtest.New(t)
	s := garrisontest.Start(t, append(opts, func(c *server.Config) { c.Outside.Clusters = clustersOf(k) })...)
	return s, sdk.NewFromConfig(s.Config), k
}

func newCloudHSM(t *testing.T, name, cluster string) *sdk.CreateCustomKeyStoreInput {
	t.Helper()
	anchor := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: xksproxy.Certificate(t, 2100).Certificate[0]})
	return &sdk.CreateCustomKeyStoreInput{
		CustomKeyStoreName: &name, CloudHsmClusterId: &cluster,
		TrustAnchorCertificate: aws.String(string(anchor)), KeyStorePassword: aws.String(hsmtest.PIN),
	}
}

func connectedCloudHSM(t *testing.T, c *sdk.Client) string {
	t.Helper()
	id := createStore(t, c, newCloudHSM(t, "hsm", clusterOne))
	if e := connectStore(t, c, id); e.ConnectionState != types.ConnectionStateTypeConnected {
		t.Fatalf("the store is %s: %s", e.ConnectionState, e.ConnectionErrorCode)
	}
	return id
}

func tokenKey(id string) *sdk.CreateKeyInput {
	return &sdk.CreateKeyInput{Origin: "AWS_CLOUDHSM", CustomKeyStoreId: &id}
}

// inToken tells whether the token has a key, by a session of the test's own.
func inToken(t *testing.T, k *hsmtest.Token, id string) bool {
	t.Helper()
	token, err := hsm.Connect(t.Context(), tokenConfig(k, k.Label), []byte(hsmtest.PIN))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = token.Close() }()
	there, err := token.Exists(t.Context(), []byte(id))
	if err != nil {
		t.Fatal(err)
	}
	return there
}

// TestTokenKey encrypts in every way under a key that the token made, and deletes
// it there with the KMS key.
func TestTokenKey(t *testing.T) {
	t.Parallel()
	s, c, token := withToken(t)
	id := connectedCloudHSM(t, c)
	k := create(t, c, tokenKey(id))
	if k.KeyState != "Enabled" || aws.ToString(k.CustomKeyStoreId) != id || k.Origin != "AWS_CLOUDHSM" ||
		aws.ToString(k.CloudHsmClusterId) != clusterOne || k.CurrentKeyMaterialId != nil || k.XksKeyConfiguration != nil {
		t.Errorf("key = %+v", k)
	}
	if d := describe(t, c, *k.KeyId); aws.ToString(d.CloudHsmClusterId) != clusterOne {
		t.Errorf("described with cluster %v", d.CloudHsmClusterId)
	}
	if !inToken(t, token, *k.KeyId) {
		t.Error("the token has no key of the KMS key's id")
	}
	given := map[string]string{"department": "finance"}
	blob := encrypt(t, c, &sdk.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("secret"), EncryptionContext: given})
	opens(t, c, blob, given, []byte("secret"))
	_, err := c.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, "InvalidCiphertextException")
	for at := range blob {
		bad := bytes.Clone(blob)
		bad[at] ^= 1
		if _, err := c.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: bad, EncryptionContext: given, KeyId: k.KeyId}); err == nil {
			t.Errorf("byte %d was changed, and the blob opens", at)
		}
	}
	data, err := c.GenerateDataKey(t.Context(), &sdk.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: "AES_256"})
	if err != nil || data.KeyMaterialId != nil {
		t.Fatalf("data key: %v, %v", data, err)
	}
	opens(t, c, data.CiphertextBlob, nil, data.Plaintext)
	plain := createKey(t, c)
	out, err := c.ReEncrypt(t.Context(), &sdk.ReEncryptInput{CiphertextBlob: blob, SourceEncryptionContext: given, DestinationKeyId: plain.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	opens(t, c, out.CiphertextBlob, nil, []byte("secret"))
	if _, err := c.EnableKeyRotation(t.Context(), &sdk.EnableKeyRotationInput{KeyId: k.KeyId}); !strings.HasPrefix(garrisontest.Fault(err), "UnsupportedOperationException: ") {
		t.Errorf("rotate: %v", err)
	}
	schedule(t, c, k, 7)
	s.Clock.Advance(7 * day)
	if !garrisontest.Eventually(func() bool { return !inToken(t, token, *k.KeyId) }) {
		t.Error("the token keeps the key of a KMS key that is gone")
	}
}

// TestTokenFaults covers logins and tokens that fail.
func TestTokenFaults(t *testing.T) {
	t.Parallel()
	_, c, token := withToken(t)
	in := newCloudHSM(t, "hsm", clusterOne)
	in.KeyStorePassword = aws.String("wrong-password")
	id := createStore(t, c, in)
	if e := connectStore(t, c, id); e.ConnectionState != "FAILED" || e.ConnectionErrorCode != "INVALID_CREDENTIALS" {
		t.Errorf("connection with a wrong password = %s %s", e.ConnectionState, e.ConnectionErrorCode)
	}
	update := &sdk.UpdateCustomKeyStoreInput{CustomKeyStoreId: &id, KeyStorePassword: aws.String(hsmtest.PIN)}
	_, err := c.UpdateCustomKeyStore(t.Context(), update)
	garrisontest.Want(t, err, "CustomKeyStoreInvalidStateException: ")
	disconnectStore(t, c, id)
	if _, err := c.UpdateCustomKeyStore(t.Context(), update); err != nil {
		t.Fatal(err)
	}
	if e := connectStore(t, c, id); e.ConnectionState != "CONNECTED" {
		t.Fatalf("connection = %s %s", e.ConnectionState, e.ConnectionErrorCode)
	}
	missing := createStore(t, c, newCloudHSM(t, "missing", clusterMissing))
	if e := connectStore(t, c, missing); e.ConnectionState != "FAILED" || e.ConnectionErrorCode != "CLUSTER_NOT_FOUND" {
		t.Errorf("connection without a token = %s %s", e.ConnectionState, e.ConnectionErrorCode)
	}
	k := create(t, c, tokenKey(id))
	blob := encrypt(t, c, &sdk.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	deleteInToken(t, token, *k.KeyId)
	_, err = c.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, "KMSInvalidStateException: The key material of the KMS key was not found in the CloudHSM cluster")
	disconnectStore(t, c, id)
	_, err = c.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, "KMSInvalidStateException: "+*k.Arn+" is unavailable.")
	token.LockPIN(t)
	if e := connectStore(t, c, id); e.ConnectionState != "FAILED" || e.ConnectionErrorCode != "USER_LOCKED_OUT" {
		t.Errorf("connection of a locked user = %s %s", e.ConnectionState, e.ConnectionErrorCode)
	}
}

func deleteInToken(t *testing.T, k *hsmtest.Token, id string) {
	t.Helper()
	token, err := hsm.Connect(t.Context(), tokenConfig(k, k.Label), []byte(hsmtest.PIN))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = token.Close() }()
	if err := token.Delete(t.Context(), []byte(id)); err != nil {
		t.Fatal(err)
	}
}

// TestCloudHSMRefuses covers what a CloudHSM key store must not be.
func TestCloudHSMRefuses(t *testing.T) {
	t.Parallel()
	s, c, _ := withToken(t)
	id := createStore(t, c, newCloudHSM(t, "hsm", clusterOne))
	with := func(change func(*sdk.CreateCustomKeyStoreInput)) *sdk.CreateCustomKeyStoreInput {
		in := newCloudHSM(t, "fresh", clusterTwo)
		change(in)
		return in
	}
	for name, tt := range map[string]struct {
		in   *sdk.CreateCustomKeyStoreInput
		want string
	}{
		"unknown":   {newCloudHSM(t, "fresh", "cluster-7a23b4cdefg"), "CloudHsmClusterNotFoundException: The CloudHSM cluster cluster-7a23b4cdefg was not found. A cluster is a PKCS#11 token, which the server is told of by --hsm."},
		"another's": {newCloudHSM(t, "fresh", clusterOthers), "CloudHsmClusterNotFoundException: "},
		"in use":    {newCloudHSM(t, "fresh", clusterOne), "CloudHsmClusterInUseException: "},
		"name":      {newCloudHSM(t, "hsm", clusterTwo), "CustomKeyStoreNameInUseException: "},
		"no anchor": {with(func(in *sdk.CreateCustomKeyStoreInput) { in.TrustAnchorCertificate = nil }), "ValidationException: "},
		"not PEM":   {with(func(in *sdk.CreateCustomKeyStoreInput) { in.TrustAnchorCertificate = aws.String("certificate") }), "IncorrectTrustAnchorException: "},
		"not a chain": {with(func(in *sdk.CreateCustomKeyStoreInput) {
			in.TrustAnchorCertificate = aws.String("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
		}), "IncorrectTrustAnchorException: "},
		"a proxy": {with(func(in *sdk.CreateCustomKeyStoreInput) { in.XksProxyUriEndpoint = aws.String(xksHost) }), "ValidationException: "},
	} {
		_, err := c.CreateCustomKeyStore(t.Context(), tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	stranger := sdk.NewFromConfig(s.ConfigFor(other, region))
	_, err := stranger.CreateCustomKeyStore(t.Context(), newCloudHSM(t, "fresh", clusterOne))
	garrisontest.Want(t, err, "CloudHsmClusterInUseException: ")
	createStore(t, stranger, newCloudHSM(t, "fresh", clusterOthers))
	_, err = c.UpdateCustomKeyStore(t.Context(), &sdk.UpdateCustomKeyStoreInput{CustomKeyStoreId: &id, CloudHsmClusterId: aws.String(clusterTwo)})
	garrisontest.Want(t, err, "CloudHsmClusterNotRelatedException: ")
	_, err = c.UpdateCustomKeyStore(t.Context(), &sdk.UpdateCustomKeyStoreInput{CustomKeyStoreId: &id, CloudHsmClusterId: aws.String(clusterBackup)})
	garrisontest.Want(t, err, "")
	if e := describeStore(t, c, id); aws.ToString(e.CloudHsmClusterId) != clusterBackup || e.TrustAnchorCertificate == nil || e.XksProxyConfiguration != nil {
		t.Errorf("store = %+v", e)
	}
}

// TestRandomOfAStore asks a token for bytes, and what is none.
func TestRandomOfAStore(t *testing.T) {
	t.Parallel()
	_, c, _ := withToken(t)
	id := connectedCloudHSM(t, c)
	random := func() (*sdk.GenerateRandomOutput, error) {
		return c.GenerateRandom(t.Context(), &sdk.GenerateRandomInput{NumberOfBytes: aws.Int32(1024), CustomKeyStoreId: &id})
	}
	one, err := random()
	if err != nil {
		t.Fatal(err)
	}
	two, err := random()
	if err != nil || len(one.Plaintext) != 1024 || len(two.Plaintext) != 1024 || bytes.Equal(one.Plaintext, two.Plaintext) {
		t.Errorf("random bytes repeat, or are of another number: %v", err)
	}
	disconnectStore(t, c, id)
	_, err = random()
	garrisontest.Want(t, err, "CustomKeyStoreInvalidStateException: ")
	_, err = c.GenerateRandom(t.Context(), &sdk.GenerateRandomInput{NumberOfBytes: aws.Int32(1), CustomKeyStoreId: aws.String("cks-0")})
	garrisontest.Want(t, err, "CustomKeyStoreNotFoundException: ")

	_, c, _ = withProxy(t)
	id = connectedExternal(t, c)
	_, err = random()
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
}

// TestTokensOutliveTheServer runs the server twice on one directory: the second
// logs in again by itself.
func TestTokensOutliveTheServer(t *testing.T) {
	t.Parallel()
	token := hsmtest.New(t)
	dir := t.TempDir() + "/data"
	run := func(t *testing.T) *sdk.Client {
		t.Helper()
		s := garrisontest.Start(t, func(c *server.Config) { c.Outside.Clusters, c.Data = clustersOf(token), dir })
		return sdk.NewFromConfig(s.Config)
	}
	var id string
	var blob []byte
	t.Run("first", func(t *testing.T) {
		c := run(t)
		id = connectedCloudHSM(t, c)
		k := create(t, c, tokenKey(id))
		blob = encrypt(t, c, &sdk.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})
	})
	t.Run("second", func(t *testing.T) {
		opens(t, run(t), blob, nil, []byte("kept"))
	})
	t.Run("locked", func(t *testing.T) {
		token.LockPIN(t)
		c := run(t)
		if !garrisontest.Eventually(func() bool { return describeStore(t, c, id).ConnectionErrorCode == "USER_LOCKED_OUT" }) {
			t.Errorf("the store of a locked user is %s", describeStore(t, c, id).ConnectionState)
		}
	})
}

// TestTokenUnderLoad uses a token that is logged in to again by many calls at
// once, and pulled out under their hands.
func TestTokenUnderLoad(t *testing.T) {
	t.Parallel()
	_, c, token := withToken(t)
	id := connectedCloudHSM(t, c)
	k := create(t, c, tokenKey(id))
	blob := encrypt(t, c, &sdk.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	all := func(wanted string) {
		t.Helper()
		var calls sync.WaitGroup
		for range 16 {
			calls.Go(func() {
				_, err := c.Decrypt(t.Context(), &sdk.DecryptInput{CiphertextBlob: blob})
				garrisontest.Want(t, err, wanted)
			})
		}
		calls.Wait()
	}
	all("")
	disconnectStore(t, c, id)
	all("KMSInvalidStateException: " + *k.Arn + " is unavailable.")
	connectStore(t, c, id)
	all("")
	disconnectStore(t, c, id)
	token.Remove(t)
	if e := connectStore(t, c, id); e.ConnectionState != "FAILED" || e.ConnectionErrorCode != "CLUSTER_NOT_FOUND" {
		t.Errorf("connection without the token = %s %s", e.ConnectionState, e.ConnectionErrorCode)
	}
}
