package sts_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const webIdentity = `"sts:AssumeRoleWithWebIdentity"`

// TestWebIdentityAtWork goes all the way: a provider, a role that trusts one of
// its subjects, a token, the session and what it may do.
func TestWebIdentityAtWork(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	i := newIssuer(t, srv)
	provider := i.register(srv.Config, i.thumbprint())
	role := newRole(t, srv, "deploy", federates(webIdentity, provider,
		`{"StringEquals":{"`+i.address()+`:aud":"sts.amazonaws.com"},"StringLike":{"`+i.address()+`:sub":"repo:octo/*"}}`))
	c := unsigned(srv)
	out, err := c.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("build"), WebIdentityToken: i.token("first", nil), DurationSeconds: aws.Int32(900),
	})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Provider != i.URL || *out.Audience != "sts.amazonaws.com" || *out.SubjectFromWebIdentityToken != "repo:octo/app" || out.PackedPolicySize != nil ||
		*out.AssumedRoleUser.Arn != "arn:aws:sts::"+garrisontest.Account+":assumed-role/deploy/build" || !strings.HasSuffix(*out.AssumedRoleUser.AssumedRoleId, ":build") {
		t.Errorf("answer: provider %s, audience %s, subject %s, user %+v", *out.Provider, *out.Audience, *out.SubjectFromWebIdentityToken, out.AssumedRoleUser)
	}
	if got := out.Credentials.Expiration.Sub(srv.Clock.Now()); got > 15*time.Minute || got < 14*time.Minute {
		t.Errorf("lasts %s, want a quarter of an hour", got)
	}
	session := with(srv, out.Credentials)
	if got := list(t, session); got != "" {
		t.Errorf("what the role may: code %q", got)
	}
	limited, err := c.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("build"), WebIdentityToken: i.token("first", nil), Policy: aws.String(nothing),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, with(srv, limited.Credentials)); got != "AccessDenied" || limited.PackedPolicySize == nil {
		t.Errorf("what the session policy does not allow: code %q", got)
	}
	if got := i.asked.Load(); got != 2 {
		t.Errorf("the provider was asked %d times, want twice for all calls", got)
	}
	_, err = c.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("build"), WebIdentityToken: i.token("first", map[string]any{"sub": "repo:evil/app"}),
	})
	if garrisontest.ErrorCode(err) != "AccessDenied" || !strings.Contains(err.Error(), "Not authorized to perform sts:AssumeRoleWithWebIdentity") {
		t.Errorf("another subject: %v, want AccessDenied", err)
	}
	checkIdentities(t, srv, provider)
}

// checkIdentities looks at the events of the calls before.
func checkIdentities(t *testing.T, srv *garrisontest.Server, provider string) {
	t.Helper()
	srv.Clock.Advance(2 * time.Second)
	seen := map[string]bool{}
	p := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(srv.Config), &cloudtrail.LookupEventsInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			var record struct {
				UserIdentity struct {
					Type, PrincipalID, UserName, IdentityProvider, AccountID string
					SessionContext                                           struct {
						WebIDFederationData struct{ FederatedProvider string }
					}
				}
				ErrorCode         string
				RequestParameters map[string]any
			}
			if err := json.Unmarshal([]byte(*e.CloudTrailEvent), &record); err != nil {
				t.Fatal(err)
			}
			who := record.UserIdentity
			switch {
			case who.Type == "WebIdentityUser":
				seen["call "+record.ErrorCode] = true
				subject := strings.TrimPrefix(who.PrincipalID, provider+":sts.amazonaws.com:")
				if who.IdentityProvider != provider || who.UserName != subject || who.AccountID != "" {
					t.Errorf("identity of the call: %+v", who)
				}
				if record.RequestParameters["webIdentityToken"] != nil {
					t.Error("the token is in the event")
				}
			case who.SessionContext.WebIDFederationData.FederatedProvider == provider:
				seen["later"] = true
			}
		}
	}
	for _, want := range []string{"call ", "call AccessDenied", "later"} {
		if !seen[want] {
			t.Errorf("no event of a %s; seen %v", want, seen)
		}
	}
}

// TestWebIdentityTags: tags and a source identity come with the token, need the
// trust policy's leave, and stay with the session.
func TestWebIdentityTags(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	i := newIssuer(t, srv)
	provider := i.register(srv.Config, i.thumbprint())
	token := func() *string {
		return i.token("first", map[string]any{
			"https://aws.amazon.com/source_identity": "octocat", "amr": []string{"authenticated"},
			"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"blue"}}, "transitive_tag_keys": []string{"team"}},
		})
	}
	all := `["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]`
	for _, tt := range []struct{ name, actions, condition, want string }{
		{"assume", webIdentity, "", "AccessDenied"},
		{"assume-tag", `["sts:AssumeRoleWithWebIdentity","sts:TagSession"]`, "", "AccessDenied"},
		{"all", all, "", ""},
		{"blue", all, `{"StringEquals":{"aws:RequestTag/team":"blue","sts:SourceIdentity":"octocat","sts:RoleSessionName":"work"},"ForAnyValue:StringEquals":{"` + i.address() + `:amr":"authenticated"}}`, ""},
		{"red", all, `{"StringEquals":{"aws:RequestTag/team":"red"}}`, "AccessDenied"},
	} {
		role := newRole(t, srv, tt.name, federates(tt.actions, provider, tt.condition))
		out, err := unsigned(srv).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("work"), WebIdentityToken: token()})
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("%s: code %q (%v), want %q", tt.name, got, err, tt.want)
			continue
		}
		if err == nil && (aws.ToString(out.SourceIdentity) != "octocat" || out.PackedPolicySize == nil) {
			t.Errorf("%s: source identity %v, size %v", tt.name, out.SourceIdentity, out.PackedPolicySize)
		}
	}
}

// TestWebIdentityKeysOfSession: policies of the role can speak of the provider and
// its user for as long as the session lasts.
func TestWebIdentityKeysOfSession(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	i := newIssuer(t, srv)
	provider := i.register(srv.Config, i.thumbprint())
	role := newRole(t, srv, "role", federates(webIdentity, provider, ""))
	for _, tt := range []struct{ key, value, want string }{
		{i.address() + ":sub", "repo:octo/app", ""},
		{i.address() + ":sub", "repo:other/app", "AccessDenied"},
		{"aws:FederatedProvider", provider, ""},
		{"aws:FederatedProvider", provider + "x", "AccessDenied"},
	} {
		out, err := unsigned(srv).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &role, RoleSessionName: aws.String("work"), WebIdentityToken: i.token("first", nil),
			Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"` + tt.key + `":"` + tt.value + `"}}}}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := list(t, with(srv, out.Credentials)); got != tt.want {
			t.Errorf("where %s is to be %s: code %q, want %q", tt.key, tt.value, got, tt.want)
		}
	}
}

func TestWebIdentityRefusals(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	i := newIssuer(t, srv)
	provider := i.register(srv.Config, i.thumbprint())
	role := newRole(t, srv, "role", federates(webIdentity, provider, ""))
	stranger := newIssuer(t, srv)
	now := srv.Clock.Now()
	good := strings.Split(*i.token("first", nil), ".")
	b64 := base64.RawURLEncoding.EncodeToString
	der, err := x509.MarshalPKIXPublicKey(i.keys["first"].Public())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(good[1])
	if err != nil {
		t.Fatal(err)
	}
	const bad = "InvalidIdentityToken"
	for _, tt := range []struct {
		name, role string
		token      *string
		code, want string
	}{
		{"wrong audience", role, i.token("first", map[string]any{"aud": "other"}), bad, "Incorrect token audience"},
		{"two audiences", role, i.token("first", map[string]any{"aud": []string{"sts.amazonaws.com", "other"}}), bad, "Incorrect token audience"},
		{"another authorized party", role, i.token("first", map[string]any{"azp": "other"}), bad, "Incorrect token audience"},
		{"unknown issuer", role, stranger.token("first", nil), bad, "No OpenIDConnect provider found in your account for " + stranger.URL},
		{"another's token for the issuer", role, stranger.token("first", map[string]any{"iss": i.URL}), bad, "Token signature invalid"},
		{"expired", role, i.token("first", map[string]any{"exp": now.Add(-time.Second).Unix()}), "ExpiredTokenException", "Token expired: current date/time"},
		{"not yet", role, i.token("first", map[string]any{"nbf": now.Add(time.Hour).Unix()}), bad, "Token is not valid before"},
		{"no subject", role, i.token("first", map[string]any{"sub": nil}), bad, "Missing a required claim: sub"},
		{"no algorithm", role, aws.String(b64([]byte(`{"alg":"none"}`)) + "." + good[1] + "."), bad, "not a valid JWT"},
		{"HMAC by the public key", role, aws.String(sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: der}, "first", payload)), bad, "not a valid JWT"},
		{"changed", role, aws.String(good[0] + "." + b64(bytes.Replace(payload, []byte("octo"), []byte("evil"), 1)) + "." + good[2]), bad, "Token signature invalid"},
		{"no token", role, aws.String("hello"), bad, "not a valid JWT"},
		{"oversized", role, aws.String(strings.Repeat("A", 20_001)), "ValidationError", "length less than or equal to 20000"},
		{"no such role", role + "x", i.token("first", nil), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"no role", "arn:aws:iam::111122223333:user/x", i.token("first", nil), "ValidationError", "Request ARN is invalid"},
		{"a role of an account without the provider", "arn:aws:iam::" + garrisontest.OtherAccount + ":role/role", i.token("first", nil), bad, "No OpenIDConnect provider found"},
		{"a tag that can't be", role, i.token("first", map[string]any{"https://aws.amazon.com/tags/principal_tags/a": "<>"}), "InvalidParameterValue", "session tag"},
		{"a reserved tag", role, i.token("first", map[string]any{"https://aws.amazon.com/tags/principal_tags/aws:a": "b"}), "InvalidParameterValue", "reserved"},
	} {
		_, err := unsigned(srv).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &tt.role, RoleSessionName: aws.String("work"), WebIdentityToken: tt.token})
		if got := garrisontest.ErrorCode(err); got != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s with %q", tt.name, err, tt.code, tt.want)
		}
	}
	_, err = unsigned(srv).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("work"), WebIdentityToken: i.token("first", nil), DurationSeconds: aws.Int32(7200),
	})
	if garrisontest.ErrorCode(err) != "ValidationError" {
		t.Errorf("longer than the role allows: %v", err)
	}
}

// TestTrustNeedsTheProvider: other principals, other actions and other providers
// let no web identity in.
func TestTrustNeedsTheProvider(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	i := newIssuer(t, srv)
	provider := i.register(srv.Config, i.thumbprint())
	for name, trust := range map[string]string{
		"account": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Principal":{"AWS":"` + garrisontest.Account + `"}}}`,
		"assume":  federates(`"sts:AssumeRole"`, provider, ""),
		"saml":    federates(`"sts:AssumeRoleWithSAML"`, provider, ""),
		"longer":  federates(webIdentity, provider+"/x", ""),
	} {
		role := newRole(t, srv, name, trust)
		_, err := unsigned(srv).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("work"), WebIdentityToken: i.token("first", nil)})
		if garrisontest.ErrorCode(err) != "AccessDenied" {
			t.Errorf("a role that trusts %s: %v, want AccessDenied", name, err)
		}
	}
}

// TestIssuersKeys: keys are kept, asked for anew when a token needs another, but
// not at once.
func TestIssuersKeys(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	i := newIssuer(t, srv)
	role := newRole(t, srv, "role", federates(webIdentity, i.register(srv.Config, i.thumbprint()), ""))
	assume := func(kid string) error {
		_, err := unsigned(srv).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("work"), WebIdentityToken: i.token(kid, nil)})
		return err
	}
	expect := func(what string, err error, code string, asked int64) {
		t.Helper()
		if got := garrisontest.ErrorCode(err); got != code || i.asked.Load() != asked {
			t.Errorf("%s: code %q (%v), asked %d times; want %q and %d", what, got, err, i.asked.Load(), code, asked)
		}
	}
	expect("first", assume("first"), "", 2)
	expect("again", assume("first"), "", 2)
	i.rotate("second")
	expect("a new key at once", assume("second"), "InvalidIdentityToken", 2)
	srv.Clock.Advance(31 * time.Second)
	expect("a known key later", assume("first"), "", 2)
	expect("the new key later", assume("second"), "", 4)
	srv.Clock.Advance(61 * time.Minute)
	expect("after an hour", assume("first"), "", 6)
	i.instead(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	expect("kept while the provider is down", assume("first"), "", 6)
	srv.Clock.Advance(61 * time.Minute)
	expect("down", assume("first"), "IDPCommunicationError", 7)
	expect("left alone", assume("first"), "IDPCommunicationError", 7)
	i.instead(nil)
	srv.Clock.Advance(6 * time.Second)
	expect("up again", assume("first"), "", 9)
}

func TestIssuersThatAreNotAsked(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	const noKey = "Couldn't retrieve verification key from your identity provider"
	elsewhere := newIssuer(t, srv)
	for _, tt := range []struct {
		name       string
		thumbprint string
		answer     http.HandlerFunc
		code, want string
	}{
		{"another certificate", strings.Repeat("0", 40), nil, "InvalidIdentityToken", "certificate doesn't match configured thumbprint"},
		{"a redirect", "", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
		}, "InvalidIdentityToken", noKey},
		{"another issuer's configuration", "", elsewhere.ServeHTTP, "InvalidIdentityToken", noKey},
		{"too much", "", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 600<<10)) }, "InvalidIdentityToken", noKey},
		{"nothing there", "", http.NotFound, "InvalidIdentityToken", noKey},
		{"no JSON", "", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }, "InvalidIdentityToken", noKey},
		{"keys in the clear", "", func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(`{"issuer":"https://` + r.Host + `","jwks_uri":"http://` + r.Host + `/keys"}`))
		}, "InvalidIdentityToken", noKey},
	} {
		i := newIssuer(t, srv)
		i.instead(tt.answer)
		if tt.thumbprint == "" {
			tt.thumbprint = i.thumbprint()
		}
		provider := i.register(srv.Config, tt.thumbprint)
		role := newRole(t, srv, strings.ReplaceAll(strings.ReplaceAll(tt.name, " ", "-"), "'", ""), federates(webIdentity, provider, ""))
		_, err := unsigned(srv).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("work"), WebIdentityToken: i.token("first", nil)})
		if got := garrisontest.ErrorCode(err); got != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s with %q", tt.name, err, tt.code, tt.want)
		}
	}
}

// TestProviderChangesAtOnce: what an administrator takes from a provider, its
// tokens lack from the next call on.
func TestProviderChangesAtOnce(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	i := newIssuer(t, srv)
	provider := i.register(srv.Config, i.thumbprint())
	role := newRole(t, srv, "role", federates(webIdentity, provider, ""))
	c := iam.NewFromConfig(srv.Config)
	assume := func() string {
		_, err := unsigned(srv).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("work"), WebIdentityToken: i.token("first", nil)})
		return garrisontest.ErrorCode(err)
	}
	var got []string
	got = append(got, assume())
	_, err1 := c.RemoveClientIDFromOpenIDConnectProvider(t.Context(), &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: &provider, ClientID: aws.String("sts.amazonaws.com")})
	got = append(got, assume())
	_, err2 := c.AddClientIDToOpenIDConnectProvider(t.Context(), &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &provider, ClientID: aws.String("sts.amazonaws.com")})
	got = append(got, assume())
	_, err3 := c.UpdateOpenIDConnectProviderThumbprint(t.Context(), &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: &provider, ThumbprintList: []string{strings.Repeat("a", 40)}})
	got = append(got, assume())
	_, err4 := c.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &provider})
	got = append(got, assume())
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Error(err)
		}
	}
	const bad = "InvalidIdentityToken"
	if want := []string{"", bad, "", bad, bad}; !slices.Equal(got, want) {
		t.Errorf("codes %q, want %q", got, want)
	}
}
