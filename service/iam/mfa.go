package iam

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/skip2/go-qrcode"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A mfaDevice is a virtual device: an app on someone's phone that knows its seed.
type mfaDevice struct {
	Account, Serial string
	Path, Name      string
	// Seed is the shared secret, sealed by the store like all of the row.
	Seed []byte
	// Owner is the unique id of the user who has it, empty as long as it is not
	// enabled.
	Owner   string
	Enabled time.Time
	Tags    map[string]string
	// Drift is by how many steps the device's clock is ahead, Last the step of the
	// newest code that was accepted: no code is accepted twice (RFC 6238 §5.2).
	Drift, Last int64
	// Failures counts the wrong codes since the last right one, Failed is when the
	// last of them came.
	Failures int
	Failed   time.Time
}

const (
	mfaNoun      = "mfa"
	mfaInUseNoun = "mfa-in-use"
	// maxDevices is how many devices a user may have.
	maxDevices = 8
	// seedSize is 64 characters in base 32, as AWS's seeds have.
	seedSize = 40
	qrPixels = 256
)

var mfaDevices = store.NewTable("iam.mfa", func(d *mfaDevice) store.Key { return store.K(d.Account, d.Serial) })

func (s *Service) mfaOperations() []wire.Operation {
	return []wire.Operation{
		op(s.onNewDevice, s.CreateVirtualMFADevice),
		op(onDevice(s, func(in *iam.DeleteVirtualMFADeviceInput) *string { return in.SerialNumber }), s.DeleteVirtualMFADevice),
		op(on(s, users, func(in *iam.GetMFADeviceInput) *string { return in.UserName }), s.GetMFADevice),
		op(onAny[iam.ListVirtualMFADevicesInput], s.ListVirtualMFADevices),
		op(on(s, users, func(in *iam.EnableMFADeviceInput) *string { return in.UserName }), s.EnableMFADevice),
		op(on(s, users, func(in *iam.ResyncMFADeviceInput) *string { return in.UserName }), s.ResyncMFADevice),
		op(on(s, users, func(in *iam.DeactivateMFADeviceInput) *string { return in.UserName }), s.DeactivateMFADevice),
		op(on(s, users, func(in *iam.ListMFADevicesInput) *string { return in.UserName }), s.ListMFADevices),
		op(onDevice(s, func(in *iam.TagMFADeviceInput) *string { return in.SerialNumber },
			tagged(func(in *iam.TagMFADeviceInput) []types.Tag { return in.Tags })), s.TagMFADevice),
		op(onDevice(s, func(in *iam.UntagMFADeviceInput) *string { return in.SerialNumber },
			untagged(func(in *iam.UntagMFADeviceInput) []string { return in.TagKeys })), s.UntagMFADevice),
		op(onDevice(s, func(in *iam.ListMFADeviceTagsInput) *string { return in.SerialNumber }), s.ListMFADeviceTags),
	}
}

func serialOf(account, path, name string) string {
	return arn.New("iam", "", account, mfaNoun+path+name)
}

func (s *Service) onNewDevice(ctx context.Context, in *iam.CreateVirtualMFADeviceInput) (authz.Target, error) {
	t := authz.On(serialOf(wire.CallFrom(ctx).Account(), pathOf(in.Path), *in.VirtualMFADeviceName))
	t.Conditions = conditions(in, nil, []detail[iam.CreateVirtualMFADeviceInput]{
		tagged(func(in *iam.CreateVirtualMFADeviceInput) []types.Tag { return in.Tags }),
	})
	return tagging(t, "MFADevice"), nil
}

// onDevice asks for the operation's action on the device with the serial number
// that the input names.
func onDevice[I any](s *Service, serial func(*I) *string, details ...detail[I]) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		t := authz.On(*serial(in))
		t.Conditions = conditions(in, nil, details)
		account := wire.CallFrom(ctx).Account()
		err := s.db.View(ctx, func(tx *store.Tx) error {
			d, err := device(tx, account, t.Resource)
			if err == nil {
				t.Tags = d.Tags
			}
			return err
		})
		if missing, ok := errors.AsType[*types.NoSuchEntityException](err); ok {
			t.Missing = missing
			return t, nil
		}
		return t, err
	}
}

// device reads a device of the account.
func device(tx *store.Tx, account, serial string) (*mfaDevice, error) {
	d, err := mfaDevices.Get(tx, account, serial)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("VirtualMFADevice with serial number " + serial + " doesn't exist.")
	}
	return d, err
}

// CreateVirtualMFADevice makes a device that nobody has yet. Its seed is answered
// this once.
func (s *Service) CreateVirtualMFADevice(ctx context.Context, in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	account := wire.CallFrom(ctx).Account()
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	d := &mfaDevice{
		Account: account, Path: pathOf(in.Path), Name: *in.VirtualMFADeviceName,
		Serial: serialOf(account, pathOf(in.Path), *in.VirtualMFADeviceName), Seed: make([]byte, seedSize), Tags: tags,
	}
	if len(d.Serial) > maxSerial {
		return nil, unfit("The serial number of the device is longer than 256 characters.")
	}
	rand.Read(d.Seed)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		return firstError(count(tx, account, mfaNoun, 1), mfaDevices.Insert(tx, d))
	})
	if errors.Is(err, store.ErrExists) {
		return nil, exists("MFADevice entity at the same path and name already exists.")
	}
	if err != nil {
		return nil, err
	}
	seed := base32.StdEncoding.EncodeToString(d.Seed)
	picture, err := qrcode.Encode(provisioning(d, seed), qrcode.Medium, qrPixels)
	if err != nil {
		return nil, err
	}
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: &types.VirtualMFADevice{
		SerialNumber: &d.Serial, Base32StringSeed: []byte(seed), QRCodePNG: picture, Tags: apiTags(tags),
	}}, nil
}

// maxSerial is how long a serial number may be in calls that name a device.
const maxSerial = 256

// provisioning is what apps read from the QR code (IAM API Reference,
// VirtualMFADevice, QRCodePNG).
func provisioning(d *mfaDevice, seed string) string {
	u := url.URL{
		Scheme: "otpauth", Host: "totp", Path: "/" + d.Name + "@" + d.Account,
		RawQuery: url.Values{"secret": {seed}, "issuer": {"Amazon Web Services"}}.Encode(),
	}
	return u.String()
}

// DeleteVirtualMFADevice deletes a device that nobody has.
func (s *Service) DeleteVirtualMFADevice(ctx context.Context, in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	account := wire.CallFrom(ctx).Account()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		d, err := device(tx, account, *in.SerialNumber)
		if err != nil {
			return err
		}
		if d.Owner != "" {
			return conflict("MFA VirtualDevice in use. Must deactivate first.")
		}
		return firstError(count(tx, account, mfaNoun, -1), mfaDevices.Delete(tx, account, d.Serial))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteVirtualMFADeviceOutput{}, nil
}

// ListVirtualMFADevices lists devices by serial number, without seeds.
func (s *Service) ListVirtualMFADevices(ctx context.Context, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	p, err := newPager("iam.ListVirtualMFADevices", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	out := &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []types.VirtualMFADevice{}}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		for d, err := range mfaDevices.Scan(tx, p.over(account)) {
			if err != nil {
				return err
			}
			if in.AssignmentStatus == types.AssignmentStatusTypeAssigned && d.Owner == "" ||
				in.AssignmentStatus == types.AssignmentStatusTypeUnassigned && d.Owner != "" {
				continue
			}
			if !p.take(d.Serial) {
				return nil
			}
			api, err := d.api(tx)
			if err != nil {
				return err
			}
			out.VirtualMFADevices = append(out.VirtualMFADevices, *api)
		}
		return nil
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// api is the device as lists answer it.
func (d *mfaDevice) api(tx *store.Tx) (*types.VirtualMFADevice, error) {
	out := &types.VirtualMFADevice{SerialNumber: &d.Serial}
	if d.Owner == "" {
		return out, nil
	}
	u, err := users.table.Get(tx, d.Account, d.Owner)
	if err != nil {
		return nil, unreadable("user "+d.Owner, err)
	}
	out.User = u.api(false)
	out.EnableDate = &d.Enabled
	return out, nil
}

// changeDevices lets fn work on the devices of the user of that name, or of the
// caller, and keeps the list. An account's root has none: AWS lets it enable them
// in its console alone.
func (s *Service) changeDevices(ctx context.Context, name *string, fn func(*store.Tx, *user) error) error {
	who, err := subject(ctx, name)
	if err != nil {
		return err
	}
	if who == "" {
		return noDevice()
	}
	return users.change(ctx, s, who, fn)
}

func noDevice() error { return noSuch("MFA Device invalid for user.") }

// EnableMFADevice gives a device to a user who shows two codes of it in a row.
func (s *Service) EnableMFADevice(ctx context.Context, in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	account, now := wire.CallFrom(ctx).Account(), s.clock.Now()
	err := s.changeDevices(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		d, err := device(tx, account, *in.SerialNumber)
		if err != nil {
			return err
		}
		if d.Owner != "" {
			return exists("MFA Device with serial number " + d.Serial + " is already in use.")
		}
		if len(u.MFA) >= maxDevices {
			return over("MFADevicesPerUser", maxDevices)
		}
		if !d.synchronise(now, *in.AuthenticationCode1, *in.AuthenticationCode2) {
			return wrongCode()
		}
		d.Owner, d.Enabled = u.ID, now.Truncate(time.Second)
		u.MFA = append(u.MFA, d.Serial)
		return firstError(count(tx, account, mfaInUseNoun, 1), mfaDevices.Put(tx, d))
	})
	if err != nil {
		return nil, err
	}
	return &iam.EnableMFADeviceOutput{}, nil
}

func wrongCode() error {
	return &types.InvalidAuthenticationCodeException{Message: aws.String("Authentication code for device is not valid.")}
}

// device reads a device that the user must have.
func (u *user) device(tx *store.Tx, serial string) (*mfaDevice, error) {
	d, err := mfaDevices.Get(tx, u.Account, serial)
	if errors.Is(err, store.ErrNotFound) || err == nil && d.Owner != u.ID {
		return nil, noDevice()
	}
	return d, err
}

// ResyncMFADevice takes the drift of a device's clock anew, from two codes in a row.
func (s *Service) ResyncMFADevice(ctx context.Context, in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	now := s.clock.Now()
	err := s.changeDevices(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		d, err := u.device(tx, *in.SerialNumber)
		if err != nil {
			return err
		}
		if !d.synchronise(now, *in.AuthenticationCode1, *in.AuthenticationCode2) {
			return wrongCode()
		}
		return mfaDevices.Put(tx, d)
	})
	if err != nil {
		return nil, err
	}
	return &iam.ResyncMFADeviceOutput{}, nil
}

// DeactivateMFADevice takes a device from a user. It can be enabled anew.
func (s *Service) DeactivateMFADevice(ctx context.Context, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	err := s.changeDevices(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		d, err := u.device(tx, *in.SerialNumber)
		if err != nil {
			return err
		}
		d.Owner, d.Enabled = "", time.Time{}
		u.MFA, _ = without(u.MFA, d.Serial)
		return firstError(count(tx, u.Account, mfaInUseNoun, -1), mfaDevices.Put(tx, d))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeactivateMFADeviceOutput{}, nil
}

// ListMFADevices lists the devices of a user or of the caller.
func (s *Service) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	p, err := newPager("iam.ListMFADevices", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	who, err := subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	out := &iam.ListMFADevicesOutput{MFADevices: []types.MFADevice{}}
	if who == "" {
		return out, nil
	}
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) error {
		u, err := users.find(tx, account, who)
		if err != nil {
			return err
		}
		for _, serial := range p.names(slices.Sorted(slices.Values(u.MFA))) {
			d, err := mfaDevices.Get(tx, account, serial)
			if err != nil {
				return unreadable("MFA device "+serial, err)
			}
			out.MFADevices = append(out.MFADevices, types.MFADevice{UserName: &u.Name, SerialNumber: &d.Serial, EnableDate: &d.Enabled})
		}
		return nil
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}
