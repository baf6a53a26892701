package kms_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

// TestStateAfterConnection: what was done to unavailable keys shows once their
// store is connected.
func TestStateAfterConnection(t *testing.T) {
	t.Parallel()
	_, c, p := withProxy(t)
	id := connectedExternal(t, c)
	made := map[string]*types.KeyMetadata{}
	for _, name := range []string{"kept", "disabled", "cancelled", "leaving"} {
		p.AddKey(name)
		made[name] = create(t, c, externalKey(id, name))
	}
	disconnectStore(t, c, id)
	disable(t, c, made["disabled"])
	schedule(t, c, made["cancelled"], 7)
	if _, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: made["cancelled"].KeyId}); err != nil {
		t.Fatal(err)
	}
	schedule(t, c, made["leaving"], 7)
	states := func(want map[string]types.KeyState) {
		t.Helper()
		for name, state := range want {
			if got := describe(t, c, *made[name].KeyId).KeyState; got != state {
				t.Errorf("%s is %s, want %s", name, got, state)
			}
		}
	}
	states(map[string]types.KeyState{"kept": "Unavailable", "disabled": "Unavailable", "cancelled": "Unavailable", "leaving": "PendingDeletion"})
	_, err := c.CreateKey(t.Context(), externalKey(id, "kept"))
	garrisontest.Want(t, err, "CustomKeyStoreInvalidStateException: ")
	connectStore(t, c, id)
	states(map[string]types.KeyState{"kept": "Enabled", "disabled": "Disabled", "cancelled": "Disabled", "leaving": "PendingDeletion"})
}

// TestStoreLifecycle walks through the states of a store.
func TestStoreLifecycle(t *testing.T) {
	t.Parallel()
	s, c, p := withProxy(t)
	p.AddKey("fox")
	id := createStore(t, c, newExternal("one"))
	e := describeStore(t, c, id)
	x := e.XksProxyConfiguration
	if e.ConnectionState != types.ConnectionStateTypeDisconnected || *e.CustomKeyStoreName != "one" || e.CustomKeyStoreType != "EXTERNAL_KEY_STORE" ||
		!strings.HasPrefix(id, "cks-") || len(id) != 21 || x == nil || *x.UriEndpoint != xksHost || *x.UriPath != xksproxy.Path ||
		*x.AccessKeyId != xksproxy.AccessKeyID || x.Connectivity != "PUBLIC_ENDPOINT" || e.CreationDate == nil {
		t.Errorf("store = %+v, %+v", e, x)
	}
	_, err := c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: &id})
	garrisontest.Want(t, err, "CustomKeyStoreInvalidStateException: ")
	connectStore(t, c, id)
	connectStore(t, c, id) // connected stays connected
	k := create(t, c, externalKey(id, "fox"))
	remove := func() error {
		return second(c.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: &id}))
	}
	garrisontest.Want(t, remove(), "CustomKeyStoreInvalidStateException: ")
	disconnectStore(t, c, id)
	garrisontest.Want(t, remove(), "CustomKeyStoreHasCMKsException: ")
	schedule(t, c, k, 7)
	garrisontest.Want(t, remove(), "CustomKeyStoreHasCMKsException: ")
	s.Clock.Advance(7 * day)
	if !garrisontest.Eventually(func() bool { return remove() == nil }) {
		t.Fatalf("delete: %v", remove())
	}
	missing := "CustomKeyStoreNotFoundException: "
	garrisontest.Want(t, remove(), missing)
	garrisontest.Want(t, second(c.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: &id})), missing)
	garrisontest.Want(t, second(c.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: &id})), missing)
	garrisontest.Want(t, second(c.UpdateCustomKeyStore(t.Context(), &kms.UpdateCustomKeyStoreInput{CustomKeyStoreId: &id, NewCustomKeyStoreName: &id})), missing)
	garrisontest.Want(t, second(c.UpdateCustomKeyStore(t.Context(), &kms.UpdateCustomKeyStoreInput{CustomKeyStoreId: &id, XksProxyUriPath: aws.String(xksproxy.Path)})), missing)
	garrisontest.Want(t, second(c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreId: &id})), missing)
	garrisontest.Want(t, second(c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: &id})), missing)
}

// TestUpdateStore changes each property in the states that allow it.
func TestUpdateStore(t *testing.T) {
	t.Parallel()
	_, c, p := withProxy(t)
	p.AddKey("fox")
	id := connectedExternal(t, c)
	k := create(t, c, externalKey(id, "fox"))
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	other := newExternal("other")
	other.XksProxyUriEndpoint = aws.String("https://other.example.com")
	createStore(t, c, other)
	update := func(in *kms.UpdateCustomKeyStoreInput) error {
		in.CustomKeyStoreId = &id
		return second(c.UpdateCustomKeyStore(t.Context(), in))
	}
	const notNow = "CustomKeyStoreInvalidStateException: "
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{}), "ValidationException: ")
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{NewCustomKeyStoreName: aws.String("renamed")}), "")
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{NewCustomKeyStoreName: aws.String("other")}), "CustomKeyStoreNameInUseException: ")
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{XksProxyUriEndpoint: aws.String("https://new.example.com")}), notNow)
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{KeyStorePassword: aws.String("password")}), notNow)
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{XksProxyUriPath: aws.String("/nowhere/kms/xks/v1")}), "XksProxyInvalidConfigurationException: ")
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{XksProxyUriPath: aws.String("/kms/xks/v2")}), "XksProxyInvalidConfigurationException: ")

	// The credential is rotated while the store is in use.
	fresh := proxyCredential()
	fresh.AccessKeyId, fresh.RawSecretAccessKey = aws.String("AKIA2222222222222222"), aws.String(strings.Repeat("s", 43))
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{XksProxyAuthenticationCredential: fresh}), "XksProxyIncorrectAuthenticationCredentialException: ")
	opens(t, c, blob, nil, []byte("x"))
	p.AddCredential(*fresh.AccessKeyId, *fresh.RawSecretAccessKey)
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{XksProxyAuthenticationCredential: fresh}), "")
	p.RemoveCredential(xksproxy.AccessKeyID)
	opens(t, c, blob, nil, []byte("x"))

	disconnectStore(t, c, id)
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{KeyStorePassword: aws.String("password")}), "ValidationException: ")
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{XksProxyConnectivity: "VPC_ENDPOINT_SERVICE"}), "XksProxyVpcEndpointServiceNotFoundException: ")
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{XksProxyUriEndpoint: aws.String("https://OTHER.example.com")}), "XksProxyUriInUseException: ")
	garrisontest.Want(t, update(&kms.UpdateCustomKeyStoreInput{XksProxyUriEndpoint: aws.String("https://new.example.com"), XksProxyConnectivity: "PUBLIC_ENDPOINT"}), "")
	if e := connectStore(t, c, id); *e.XksProxyConfiguration.UriEndpoint != "https://new.example.com" || *e.CustomKeyStoreName != "renamed" ||
		*e.XksProxyConfiguration.AccessKeyId != *fresh.AccessKeyId {
		t.Errorf("store = %+v", e)
	}
	opens(t, c, blob, nil, []byte("x"))
}

// TestCreateStoreRefuses covers what a new store must not be.
func TestCreateStoreRefuses(t *testing.T) {
	t.Parallel()
	s, c, p := withProxy(t)
	createStore(t, c, newExternal("taken"))
	with := func(change func(*kms.CreateCustomKeyStoreInput)) *kms.CreateCustomKeyStoreInput {
		in := newExternal("fresh")
		change(in)
		return in
	}
	for name, tt := range map[string]struct {
		in   *kms.CreateCustomKeyStoreInput
		want string
	}{
		"name":    {newExternal("taken"), "CustomKeyStoreNameInUseException: "},
		"address": {newExternal("fresh"), "XksProxyUriInUseException: "},
		"case": {with(func(in *kms.CreateCustomKeyStoreInput) {
			in.XksProxyUriEndpoint = aws.String("https://XKS.example.com")
		}), "XksProxyUriInUseException: "},
		"connection": {with(func(in *kms.CreateCustomKeyStoreInput) { in.XksProxyConnectivity = "" }), "ValidationException: "},
		"endpoint":   {with(func(in *kms.CreateCustomKeyStoreInput) { in.XksProxyUriEndpoint = nil }), "ValidationException: "},
		"port": {with(func(in *kms.CreateCustomKeyStoreInput) {
			in.XksProxyUriEndpoint = aws.String("https://a.example.com:1")
		}), "ValidationException: "},
		"path":       {with(func(in *kms.CreateCustomKeyStoreInput) { in.XksProxyUriPath = nil }), "ValidationException: "},
		"credential": {with(func(in *kms.CreateCustomKeyStoreInput) { in.XksProxyAuthenticationCredential = nil }), "ValidationException: "},
		"password":   {with(func(in *kms.CreateCustomKeyStoreInput) { in.KeyStorePassword = aws.String("password") }), "ValidationException: "},
		"no service": {with(func(in *kms.CreateCustomKeyStoreInput) { in.XksProxyConnectivity = "VPC_ENDPOINT_SERVICE" }), "ValidationException: "},
		"VPC": {with(func(in *kms.CreateCustomKeyStoreInput) {
			in.XksProxyConnectivity, in.XksProxyVpcEndpointServiceName = "VPC_ENDPOINT_SERVICE", aws.String("com.amazonaws.vpce.us-east-1.vpce-svc-1")
		}), "XksProxyVpcEndpointServiceNotFoundException: There are no VPC endpoint services here"},
		"other kind":  {with(func(in *kms.CreateCustomKeyStoreInput) { in.CustomKeyStoreType = "" }), "ValidationException: CloudHsmClusterId"},
		"no password": {&kms.CreateCustomKeyStoreInput{CustomKeyStoreName: aws.String("hsm"), CloudHsmClusterId: aws.String("cluster-2a23b4cdefg")}, "ValidationException: "},
	} {
		_, err := c.CreateCustomKeyStore(t.Context(), tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	// The other account and the other Region have names and addresses of their own.
	createStore(t, kms.NewFromConfig(s.ConfigFor(other, region)), newExternal("taken"))
	createStore(t, kms.NewFromConfig(s.ConfigFor(account, garrisontest.OtherRegion)), newExternal("taken"))
	for i := range 9 {
		in := newExternal(fmt.Sprint("more-", i))
		in.XksProxyUriEndpoint = aws.String(fmt.Sprintf("https://more-%d.example.com", i))
		createStore(t, c, in)
	}
	in := newExternal("too many")
	in.XksProxyUriEndpoint = aws.String("https://many.example.com")
	_, err := c.CreateCustomKeyStore(t.Context(), in)
	garrisontest.Want(t, err, "LimitExceededException: ")
	if p.Last().Metadata.Operation != "CreateCustomKeyStore" {
		t.Errorf("the proxy was asked for %q", p.Last().Metadata.Operation)
	}
	pages(t, c)
}

// pages lists ten stores by threes.
func pages(t *testing.T, c *kms.Client) {
	t.Helper()
	var names []string
	in := &kms.DescribeCustomKeyStoresInput{Limit: aws.Int32(3)}
	for p := kms.NewDescribeCustomKeyStoresPaginator(c, in); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil || len(out.CustomKeyStores) > 3 {
			t.Fatalf("page: %v, %v", out, err)
		}
		for _, e := range out.CustomKeyStores {
			names = append(names, *e.CustomKeyStoreName)
		}
	}
	if len(names) != 10 {
		t.Errorf("stores = %v", names)
	}
	out, err := c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: aws.String("taken")})
	if err != nil || len(out.CustomKeyStores) != 1 || *out.CustomKeyStores[0].CustomKeyStoreName != "taken" {
		t.Errorf("by name = %v, %v", out, err)
	}
	_, err = c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: aws.String("taken"), CustomKeyStoreId: aws.String("cks-1")})
	garrisontest.Want(t, err, "ValidationException: ")
	_, err = c.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{Marker: aws.String("no")})
	garrisontest.Want(t, err, "InvalidMarkerException: ")
}

// TestStoreSecretsStayHidden reads the events of calls that carried secrets.
func TestStoreSecretsStayHidden(t *testing.T) {
	t.Parallel()
	s, c, _ := withProxy(t)
	id := createStore(t, c, newExternal("secretive"))
	in := &kms.UpdateCustomKeyStoreInput{CustomKeyStoreId: &id, XksProxyAuthenticationCredential: proxyCredential()}
	if _, err := c.UpdateCustomKeyStore(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	hsm := &kms.UpdateCustomKeyStoreInput{CustomKeyStoreId: &id, KeyStorePassword: aws.String("hunter2-hunter2")}
	if _, err := c.UpdateCustomKeyStore(t.Context(), hsm); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v, want one without the password", err)
	}
	trail := cloudtrail.NewFromConfig(s.Config)
	var events []string
	if !garrisontest.Eventually(func() bool {
		out, err := trail.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{})
		if err != nil {
			t.Fatal(err)
		}
		events = nil
		for _, e := range out.Events {
			if strings.HasSuffix(*e.EventName, "CustomKeyStore") {
				events = append(events, *e.CloudTrailEvent)
			}
		}
		return len(events) == 3
	}) {
		t.Fatalf("events = %v", events)
	}
	for _, e := range events {
		for _, secret := range []string{xksproxy.SecretKey, xksproxy.AccessKeyID, "hunter2"} {
			if strings.Contains(e, secret) {
				t.Errorf("an event tells %q: %s", secret, e)
			}
		}
	}
}

// TestStoresOutliveTheServer runs the server twice on one directory.
func TestStoresOutliveTheServer(t *testing.T) {
	t.Parallel()
	p := xksproxy.Start(t, clock.System{}.Now)
	p.AddKey("fox")
	dir := t.TempDir() + "/data"
	run := func(t *testing.T) *kms.Client {
		t.Helper()
		s := garrisontest.Start(t, func(c *server.Config) { c.Outside.XKS, c.Data = p.HTTP, dir })
		return kms.NewFromConfig(s.Config)
	}
	var id string
	var blob []byte
	t.Run("first", func(t *testing.T) {
		c := run(t)
		id = connectedExternal(t, c)
		k := create(t, c, externalKey(id, "fox"))
		blob = encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})
	})
	t.Run("second", func(t *testing.T) {
		c := run(t)
		if e := describeStore(t, c, id); e.ConnectionState != types.ConnectionStateTypeConnected {
			t.Errorf("the store is %s", e.ConnectionState)
		}
		opens(t, c, blob, nil, []byte("kept"))
	})
}

// TestStorePermissions: the operations are allowed on "*", and CreateKey may be
// bound to where keys are from.
func TestStorePermissions(t *testing.T) {
	t.Parallel()
	s, c, p := withProxy(t)
	p.AddKey("fox")
	id := connectedExternal(t, c)
	nobody := user(t, s, "nobody", allowing("kms:CreateKey"))
	in := newExternal("denied")
	for name, err := range map[string]error{
		"CreateCustomKeyStore":     second(nobody.CreateCustomKeyStore(t.Context(), in)),
		"DescribeCustomKeyStores":  second(nobody.DescribeCustomKeyStores(t.Context(), &kms.DescribeCustomKeyStoresInput{})),
		"UpdateCustomKeyStore":     second(nobody.UpdateCustomKeyStore(t.Context(), &kms.UpdateCustomKeyStoreInput{CustomKeyStoreId: &id, NewCustomKeyStoreName: aws.String("x")})),
		"DeleteCustomKeyStore":     second(nobody.DeleteCustomKeyStore(t.Context(), &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: &id})),
		"ConnectCustomKeyStore":    second(nobody.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: &id})),
		"DisconnectCustomKeyStore": second(nobody.DisconnectCustomKeyStore(t.Context(), &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: &id})),
	} {
		denied := "AccessDeniedException: User: arn:aws:iam::" + account + ":user/nobody is not authorized to perform: kms:" + name
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, denied) {
			t.Errorf("%s: %q, want %q", name, got, denied)
		}
	}
	ann := user(t, s, "ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEqualsIfExists":{"kms:KeyOrigin":"EXTERNAL_KEY_STORE"}}}}`)
	_, err := ann.CreateKey(t.Context(), &kms.CreateKeyInput{})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	k := create(t, ann, externalKey(id, "fox"))
	_, err = ann.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	garrisontest.Want(t, err, "")
	if got := p.Last().Metadata.PrincipalARN; got != "arn:aws:iam::"+account+":user/ann" {
		t.Errorf("the proxy was told of %s", got)
	}
	stranger := kms.NewFromConfig(s.ConfigFor(other, region))
	_, err = stranger.ConnectCustomKeyStore(t.Context(), &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: &id})
	garrisontest.Want(t, err, "CustomKeyStoreNotFoundException: ")
	_, err = stranger.CreateKey(t.Context(), externalKey(id, "fox"))
	garrisontest.Want(t, err, "CustomKeyStoreNotFoundException: ")
}
