package kms_test

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

const unreadable = "AWS KMS cannot interpret the response from the external key store proxy."

// proxyFaults are the ways in which a proxy fails, and how each kind of operation
// tells it: creation of a store, a connection, creation of a key, and cryptography.
// "" is what cannot come about.
var proxyFaults = []struct {
	name                           string
	fail                           func(*xksproxy.Server)
	store, connection, key, crypto string
}{
	{"validation", refuses("ValidationException"), "XksProxyInvalidResponseException: " + unreadable, "XKS_PROXY_INVALID_RESPONSE", "CustomKeyStoreInvalidStateException: " + unreadable, unreadable},
	{"internal", refuses("InternalException"), "XksProxyInvalidResponseException: The external key store proxy is in an unhealthy state.", "XKS_PROXY_INVALID_RESPONSE", "CustomKeyStoreInvalidStateException: The external", "The external key store proxy is in an unhealthy state."},
	{"credentials", refuses("AuthenticationFailedException"), "XksProxyIncorrectAuthenticationCredentialException: The external", "INVALID_CREDENTIALS", "CustomKeyStoreInvalidStateException: The external", "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the credentials for your external key store and update if necessary."},
	{"access", refuses("AccessDeniedException"), "XksProxyInvalidConfigurationException: The external", "XKS_PROXY_ACCESS_DENIED", "CustomKeyStoreInvalidStateException: The external", "The external key store proxy denied access to the operation."},
	{"path", refuses("InvalidUriPathException"), "XksProxyInvalidConfigurationException: The external", "XKS_PROXY_INVALID_CONFIGURATION", "CustomKeyStoreInvalidStateException: The external", "The external key store proxy rejected the request because its URI path is not valid."},
	{"key", refuses("KeyNotFoundException"), "", "", "XksKeyNotFoundException: The external key store proxy rejected the request because it could not find the external key.", "The external key store proxy rejected the request because it could not find the external key."},
	{"state", refuses("InvalidStateException"), "", "", "XksKeyInvalidConfigurationException: The external", "The external key store proxy rejected the request because the external key is not enabled in the external key manager."},
	{"usage", refuses("InvalidKeyUsageException"), "", "", "XksKeyInvalidConfigurationException: The external", "The external key store proxy rejected the request because the external key does not support the requested operation."},
	{"operation", refuses("UnsupportedOperationException"), "XksProxyInvalidResponseException: The external", "XKS_PROXY_INVALID_RESPONSE", "CustomKeyStoreInvalidStateException: The external", "The external key store proxy rejected the request because it does not support the requested cryptographic operation."},
	{"dependency", refuses("DependencyTimeoutException"), "XksProxyUriUnreachableException: AWS KMS rejected", "XKS_PROXY_TIMED_OUT", "CustomKeyStoreInvalidStateException: AWS KMS rejected", "AWS KMS rejected the request because the external key store proxy did not respond in time."},
	{"throttling", refuses("ThrottlingException"), "XksProxyUriUnreachableException: The external", "XKS_PROXY_NOT_REACHABLE", "CustomKeyStoreInvalidStateException: The external", "The external key store proxy rejected the request due to a very high request rate."},
	{"silence", func(p *xksproxy.Server) { p.Delay(time.Hour) }, "XksProxyUriUnreachableException: The external", "XKS_PROXY_TIMED_OUT", "CustomKeyStoreInvalidStateException: The external", "The external key store proxy did not respond to the request in the time allotted."},
	{"nonsense", func(p *xksproxy.Server) { p.AnswerBody("[]") }, "XksProxyInvalidResponseException: " + unreadable, "XKS_PROXY_INVALID_RESPONSE", "CustomKeyStoreInvalidStateException: " + unreadable, unreadable},
	{"break", func(p *xksproxy.Server) { p.Answer(func(http.ResponseWriter) { panic(http.ErrAbortHandler) }) }, "XksProxyUriUnreachableException: AWS KMS cannot", "XKS_PROXY_NOT_REACHABLE", "CustomKeyStoreInvalidStateException: AWS KMS cannot", "AWS KMS cannot communicate with the external key store proxy."},
	{"corruption", func(p *xksproxy.Server) { p.Corrupt() }, "", "", "", unreadable},
	{"health", func(p *xksproxy.Server) { p.SetHealth("UNAVAILABLE") }, "XksProxyUriUnreachableException: The external key store proxy is in an unhealthy state.", "XKS_PROXY_NOT_REACHABLE", "", ""},
}

func refuses(name string) func(*xksproxy.Server) {
	return func(p *xksproxy.Server) { p.Refuse(name) }
}

func TestProxyFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range proxyFaults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, c, p := withProxy(t)
			p.AddKey("fox")
			p.AddKey("hen")
			id := connectedExternal(t, c)
			k := create(t, c, externalKey(id, "fox"))
			blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
			tt.fail(p)
			if tt.crypto != "" {
				_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
				garrisontest.Want(t, err, "KMSInvalidStateException: "+tt.crypto)
			}
			if tt.crypto != "" && tt.name != "corruption" {
				_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
				garrisontest.Want(t, err, "KMSInvalidStateException: "+tt.crypto)
			}
			if tt.key != "" {
				_, err := c.CreateKey(t.Context(), externalKey(id, "hen"))
				garrisontest.Want(t, err, tt.key)
			}
			if tt.store != "" {
				in := newExternal("another")
				in.XksProxyUriEndpoint = aws.String("https://other.example.com")
				_, err := c.CreateCustomKeyStore(t.Context(), in)
				garrisontest.Want(t, err, tt.store)
				disconnectStore(t, c, id)
				e := connectStore(t, c, id)
				if e.ConnectionState != types.ConnectionStateTypeFailed || string(e.ConnectionErrorCode) != tt.connection {
					t.Errorf("connection = %s %s, want FAILED %s", e.ConnectionState, e.ConnectionErrorCode, tt.connection)
				}
				_, err = c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: &id})
				garrisontest.Want(t, err, "CustomKeyStoreInvalidStateException: ")
				disconnectStore(t, c, id)
			}
			p.Heal()
			p.SetHealth("ACTIVE")
			if tt.store != "" {
				connectStore(t, c, id)
			}
			opens(t, c, blob, nil, []byte("x"))
		})
	}
}

// TestProxyTLS refuses a proxy whose certificate has expired.
func TestProxyTLS(t *testing.T) {
	t.Parallel()
	old := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{xksproxy.Certificate(t, 2001)}}
	p := xksproxy.StartTLS(t, clock.System{}.Now, old)
	s := garrisontest.Start(t, func(c *server.Config) { c.Outside.XKS = p.HTTP })
	_, err := kms.NewFromConfig(s.Config).CreateCustomKeyStore(t.Context(), newExternal("old"))
	garrisontest.Want(t, err, "XksProxyUriUnreachableException: AWS KMS cannot connect to the external key store proxy because the TLS configuration is invalid.")
}

// TestExternalKeyRequirements refuses external keys that KMS cannot use.
func TestExternalKeyRequirements(t *testing.T) {
	t.Parallel()
	_, c, p := withProxy(t)
	for _, id := range []string{"off", "narrow", "short", "good"} {
		p.AddKey(id)
	}
	p.Disable("off")
	p.SetUsage("narrow", "ENCRYPT", "SIGN")
	p.SetSpec("short", "AES_128")
	id := connectedExternal(t, c)
	create(t, c, externalKey(id, "good"))
	with := func(change func(*kms.CreateKeyInput)) *kms.CreateKeyInput {
		in := externalKey(id, "good")
		change(in)
		return in
	}
	yes := true
	for name, tt := range map[string]struct {
		in   *kms.CreateKeyInput
		want string
	}{
		"missing":      {externalKey(id, "none"), "XksKeyNotFoundException: "},
		"disabled":     {externalKey(id, "off"), "XksKeyInvalidConfigurationException: The status of the external key must be ENABLED. The status of specified external key is DISABLED."},
		"usage":        {externalKey(id, "narrow"), "XksKeyInvalidConfigurationException: The key usage of the external key must include ENCRYPT and DECRYPT. The key use of specified external key is ENCRYPT, SIGN."},
		"spec":         {externalKey(id, "short"), "XksKeyInvalidConfigurationException: The key spec of the external key must be AES_256. The key spec of specified external key is AES_128."},
		"used":         {externalKey(id, "good"), "XksKeyAlreadyInUseException: "},
		"no store":     {externalKey("cks-0", "good"), "CustomKeyStoreNotFoundException: "},
		"multi-Region": {with(func(in *kms.CreateKeyInput) { in.MultiRegion = &yes }), "UnsupportedOperationException: "},
		"asymmetric":   {with(func(in *kms.CreateKeyInput) { in.KeySpec, in.KeyUsage = "RSA_2048", "SIGN_VERIFY" }), "UnsupportedOperationException: "},
		"MAC":          {with(func(in *kms.CreateKeyInput) { in.KeySpec, in.KeyUsage = "HMAC_256", "GENERATE_VERIFY_MAC" }), "UnsupportedOperationException: "},
		"no key":       {with(func(in *kms.CreateKeyInput) { in.XksKeyId = nil }), "ValidationException: XksKeyId is required"},
		"no store id":  {with(func(in *kms.CreateKeyInput) { in.CustomKeyStoreId = nil }), "ValidationException: CustomKeyStoreId is required"},
		"origin":       {with(func(in *kms.CreateKeyInput) { in.Origin = "AWS_KMS" }), "ValidationException: CustomKeyStoreId is required"},
		"other kind":   {with(func(in *kms.CreateKeyInput) { in.Origin, in.XksKeyId = "AWS_CLOUDHSM", nil }), "ValidationException: Origin AWS_CLOUDHSM is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.CreateKey(t.Context(), tt.in)
			garrisontest.Want(t, err, tt.want)
		})
	}
}
