package sts_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// digits are the six digits of RFC 6238 that a device with the seed shows at t.
func digits(t testing.TB, seed []byte, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(seed))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	at4 := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at4:])&0x7fffffff%1e6)
}

// TestSecondFactor enables a user's device, and shows that a role which asks for
// a second factor is assumed by its code alone, once for each code.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	ctx := t.Context()
	root := iam.NewFromConfig(srv.Config)
	config := srv.User(t, "alice", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)

	device, err := root.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("alice")})
	if err != nil {
		t.Fatal(err)
	}
	serial, seed := device.VirtualMFADevice.SerialNumber, device.VirtualMFADevice.Base32StringSeed
	first := digits(t, seed, srv.Clock.Now())
	srv.Clock.Advance(30 * time.Second)
	_, err = root.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
		UserName: aws.String("alice"), SerialNumber: serial,
		AuthenticationCode1: &first, AuthenticationCode2: aws.String(digits(t, seed, srv.Clock.Now())),
	})
	if err != nil {
		t.Fatal(err)
	}
	role, err := root.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("vault"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
			"Principal":{"AWS":"arn:aws:iam::` + garrisontest.Account + `:user/alice"},
			"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}

	alice := sts.NewFromConfig(config)
	assume := func(shown *string) error {
		in := &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("session")}
		if shown != nil {
			in.SerialNumber, in.TokenCode = serial, shown
		}
		_, err := alice.AssumeRole(ctx, in)
		return err
	}
	srv.Clock.Advance(30 * time.Second)
	shown := digits(t, seed, srv.Clock.Now())
	for _, tt := range []struct {
		name  string
		shown *string
		want  string
	}{
		{"no code", nil, "AccessDenied"},
		{"the code shown", &shown, ""},
		{"the same code again", &shown, "AccessDenied"},
	} {
		if got := garrisontest.ErrorCode(assume(tt.shown)); got != tt.want {
			t.Errorf("%s: error code = %q, want %q", tt.name, got, tt.want)
		}
	}

	// A session that proved a second factor carries it to further calls.
	srv.Clock.Advance(30 * time.Second)
	out, err := alice.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: aws.String(digits(t, seed, srv.Clock.Now()))})
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	alice = sts.NewFromConfig(srv.ConfigWith(garrisontest.Region, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
	if err := assume(nil); err != nil {
		t.Errorf("from a session with a second factor: %v", err)
	}
}
