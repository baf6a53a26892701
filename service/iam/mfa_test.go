package iam_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	service "github.com/garrison-cloud/garrison/service/iam"
)

// otp is an app's code for a seed at a time (RFC 6238), written apart from the
// service's.
func otp(t *testing.T, seed string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(at.Unix()/30))
	h := hmac.New(sha1.New, key)
	h.Write(counter[:])
	sum := h.Sum(nil)
	at0 := sum[19] & 0xf
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at0:at0+4])&^(1<<31))%1000000)
}

func newDevice(t *testing.T, c *iam.Client, name string) (serial, seed string) {
	t.Helper()
	d := must[*iam.CreateVirtualMFADeviceOutput](t)(c.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})).VirtualMFADevice
	if _, err := png.Decode(bytes.NewReader(d.QRCodePNG)); err != nil {
		t.Errorf("the QR code is no PNG: %v", err)
	}
	if len(d.Base32StringSeed) != 64 {
		t.Errorf("the seed has %d characters, want 64", len(d.Base32StringSeed))
	}
	return *d.SerialNumber, string(d.Base32StringSeed)
}

func TestMFADevice(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	bob, eve := aws.String("bob"), aws.String("eve")
	for _, name := range []*string{bob, eve} {
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))
	}
	serial, seed := newDevice(t, c, "phone")
	if want := "arn:aws:iam::" + account + ":mfa/phone"; serial != want {
		t.Errorf("serial number = %s, want %s", serial, want)
	}
	at := func(steps int) string { return otp(t, seed, s.Clock.Now().Add(time.Duration(steps)*30*time.Second)) }
	enable := func(user *string, first, second string) error {
		return only(c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: user, SerialNumber: &serial, AuthenticationCode1: &first, AuthenticationCode2: &second}))
	}
	resync := func(user *string, first, second string) error {
		return only(c.ResyncMFADevice(ctx, &iam.ResyncMFADeviceInput{UserName: user, SerialNumber: &serial, AuthenticationCode1: &first, AuthenticationCode2: &second}))
	}
	deactivate := func(user *string) error {
		return only(c.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: user, SerialNumber: &serial}))
	}
	remove := func() error {
		return only(c.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial}))
	}
	const invalid = "InvalidAuthenticationCode"
	expect(t, "created twice", only(c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})), "EntityAlreadyExists", "MFADevice entity at the same path and name already exists.")
	expect(t, "one code twice", enable(bob, at(0), at(0)), invalid, "")
	expect(t, "codes in the wrong order", enable(bob, at(0), at(-1)), invalid, "")
	expect(t, "codes with a gap", enable(bob, at(-2), at(0)), invalid, "")
	expect(t, "codes long gone", enable(bob, at(-40), at(-39)), invalid, "")
	expect(t, "resync before", resync(bob, at(-1), at(0)), "NoSuchEntity", "MFA Device invalid for user.")
	expect(t, "two codes in a row", enable(bob, at(-1), at(0)), "", "")
	expect(t, "of somebody already", enable(eve, at(1), at(2)), "EntityAlreadyExists", "")
	expect(t, "delete in use", remove(), "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.")
	expect(t, "delete the user", only(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: bob})), "DeleteConflict", "Cannot delete entity, must delete MFA device first.")
	expect(t, "resync with used codes", resync(bob, at(-1), at(0)), invalid, "")
	expect(t, "resync a fast clock", resync(bob, at(4), at(5)), "", "")

	list := must[*iam.ListMFADevicesOutput](t)(c.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: bob})).MFADevices
	if len(list) != 1 || *list[0].SerialNumber != serial || *list[0].UserName != "bob" || list[0].EnableDate == nil {
		t.Errorf("bob's devices = %+v, want the phone", list)
	}
	newDevice(t, c, "spare")
	for status, want := range map[types.AssignmentStatusType]string{
		types.AssignmentStatusTypeAssigned: " phone:bob", types.AssignmentStatusTypeUnassigned: " spare:", types.AssignmentStatusTypeAny: " phone:bob spare:",
	} {
		got := ""
		pages := iam.NewListVirtualMFADevicesPaginator(c, &iam.ListVirtualMFADevicesInput{AssignmentStatus: status, MaxItems: aws.Int32(1)})
		for pages.HasMorePages() {
			for _, d := range must[*iam.ListVirtualMFADevicesOutput](t)(pages.NextPage(ctx)).VirtualMFADevices {
				got += " " + (*d.SerialNumber)[len("arn:aws:iam::"+account+":mfa/"):] + ":"
				if d.User != nil {
					got += *d.User.UserName
				}
				if d.Base32StringSeed != nil {
					t.Error("a list tells a seed")
				}
			}
		}
		if got != want {
			t.Errorf("%s devices =%s, want%s", status, got, want)
		}
	}
	expect(t, "deactivate another's", deactivate(eve), "NoSuchEntity", "MFA Device invalid for user.")
	expect(t, "deactivate", deactivate(bob), "", "")
	expect(t, "enable with used codes", enable(bob, at(4), at(5)), invalid, "")
	expect(t, "enable again", enable(bob, at(6), at(7)), "", "")
	expect(t, "deactivate again", deactivate(bob), "", "")
	expect(t, "delete", remove(), "", "")
	expect(t, "delete again", remove(), "NoSuchEntity", "VirtualMFADevice with serial number "+serial+" doesn't exist.")
}

// TestVerifyMFA shows that a code counts once, for its owner only, and that of
// many calls with one code a single one gets through.
func TestVerifyMFA(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	u := must[*iam.CreateUserOutput](t)(s.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")})).User
	d := must[*iam.CreateVirtualMFADeviceOutput](t)(s.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone")})).VirtualMFADevice
	serial, seed := *d.SerialNumber, string(d.Base32StringSeed)
	bob := &authz.Principal{Principal: engine.Principal{Kind: engine.User, Account: account, ID: *u.UserId}}
	verify := func(p *authz.Principal, serial, code string) error { return s.VerifyMFA(ctx, p, serial, code) }
	next := otp(t, seed, now.Add(30*time.Second))
	refuse := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, service.ErrMFA) {
			t.Errorf("%s: %v, want ErrMFA", name, err)
		}
	}
	refuse("before it is enabled", verify(bob, serial, next))
	ok[*iam.EnableMFADeviceOutput](t)(s.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
		UserName: u.UserName, SerialNumber: &serial, AuthenticationCode1: aws.String(otp(t, seed, now.Add(-30*time.Second))), AuthenticationCode2: aws.String(otp(t, seed, now)),
	}))
	refuse("the code it was enabled with", verify(bob, serial, otp(t, seed, now)))
	eve := *bob
	eve.ID = "AIDAEVE"
	refuse("by somebody else", verify(&eve, serial, next))
	refuse("by a session", verify(&authz.Principal{Principal: engine.Principal{Kind: engine.RoleSession, Account: account, ID: bob.ID}}, serial, next))
	refuse("another device", verify(bob, serial+"x", next))
	refuse("no code", verify(bob, serial, ""))
	var through atomic.Int32
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if err := verify(bob, serial, next); err == nil {
				through.Add(1)
			} else if !errors.Is(err, service.ErrMFA) {
				t.Errorf("verify: %v", err)
			}
		})
	}
	calls.Wait()
	if got := through.Load(); got != 1 {
		t.Errorf("one code got through %d times, want once", got)
	}
}

func TestMFADeviceTags(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	serial, _ := newDevice(t, c, "phone")
	ok[*iam.TagMFADeviceOutput](t)(c.TagMFADevice(ctx, &iam.TagMFADeviceInput{SerialNumber: &serial, Tags: []types.Tag{tag("Team", "red"), tag("Cost", "1")}}))
	ok[*iam.UntagMFADeviceOutput](t)(c.UntagMFADevice(ctx, &iam.UntagMFADeviceInput{SerialNumber: &serial, TagKeys: []string{"cost"}}))
	got := must[*iam.ListMFADeviceTagsOutput](t)(c.ListMFADeviceTags(ctx, &iam.ListMFADeviceTagsInput{SerialNumber: &serial})).Tags
	if len(got) != 1 || *got[0].Key != "Team" {
		t.Errorf("tags = %+v, want Team", got)
	}
	alice := iam.NewFromConfig(s.User(t, "alice", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:DeleteVirtualMFADevice","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"blue"}}}}`))
	remove := func() error {
		return only(alice.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial}))
	}
	expect(t, "another team's", remove(), "AccessDenied", "")
	ok[*iam.TagMFADeviceOutput](t)(c.TagMFADevice(ctx, &iam.TagMFADeviceInput{SerialNumber: &serial, Tags: []types.Tag{tag("Team", "blue")}}))
	expect(t, "her team's", remove(), "", "")
	expect(t, "tags of none", only(c.ListMFADeviceTags(ctx, &iam.ListMFADeviceTagsInput{SerialNumber: &serial})), "NoSuchEntity", "")
}

func TestGetMFADevice(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	bob, now := aws.String("bob"), s.Clock.Now()
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: bob}))
	serial, seed := newDevice(t, c, "phone")
	get := func(user *string) error {
		return only(c.GetMFADevice(ctx, &iam.GetMFADeviceInput{SerialNumber: &serial, UserName: user}))
	}
	expect(t, "of nobody yet", get(bob), "NoSuchEntity", "MFA Device invalid for user.")
	ok[*iam.EnableMFADeviceOutput](t)(c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
		UserName: bob, SerialNumber: &serial, AuthenticationCode1: aws.String(otp(t, seed, now.Add(-30*time.Second))), AuthenticationCode2: aws.String(otp(t, seed, now)),
	}))
	d := must[*iam.GetMFADeviceOutput](t)(c.GetMFADevice(ctx, &iam.GetMFADeviceInput{SerialNumber: &serial, UserName: bob}))
	if *d.SerialNumber != serial || *d.UserName != "bob" || !d.EnableDate.Equal(now.Truncate(time.Second)) {
		t.Errorf("device = %+v, want bob's, enabled now", d)
	}
}
