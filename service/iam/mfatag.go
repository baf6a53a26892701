package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// changeDevice lets fn work on a device of the caller's account, and keeps it.
func (s *Service) changeDevice(ctx context.Context, serial string, fn func(*mfaDevice) error) error {
	account := wire.CallFrom(ctx).Account()
	return s.db.Update(ctx, func(tx *store.Tx) error {
		d, err := device(tx, account, serial)
		if err != nil {
			return err
		}
		if err := fn(d); err != nil {
			return err
		}
		return mfaDevices.Put(tx, d)
	})
}

// GetMFADevice tells since when a user has a device.
func (s *Service) GetMFADevice(ctx context.Context, in *iam.GetMFADeviceInput) (*iam.GetMFADeviceOutput, error) {
	who, err := subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	if who == "" {
		return nil, noDevice()
	}
	account := wire.CallFrom(ctx).Account()
	var out *iam.GetMFADeviceOutput
	err = s.db.View(ctx, func(tx *store.Tx) error {
		u, err := users.find(tx, account, who)
		if err != nil {
			return err
		}
		d, err := u.device(tx, *in.SerialNumber)
		if err != nil {
			return err
		}
		out = &iam.GetMFADeviceOutput{SerialNumber: &d.Serial, UserName: &u.Name, EnableDate: &d.Enabled}
		return nil
	})
	return out, err
}

// TagMFADevice adds tags to a device, or changes their values.
func (s *Service) TagMFADevice(ctx context.Context, in *iam.TagMFADeviceInput) (*iam.TagMFADeviceOutput, error) {
	err := s.changeDevice(ctx, *in.SerialNumber, func(d *mfaDevice) (err error) {
		d.Tags, err = newTags(d.Tags, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.TagMFADeviceOutput{}, nil
}

// UntagMFADevice takes tags from a device.
func (s *Service) UntagMFADevice(ctx context.Context, in *iam.UntagMFADeviceInput) (*iam.UntagMFADeviceOutput, error) {
	err := s.changeDevice(ctx, *in.SerialNumber, func(d *mfaDevice) error {
		for _, key := range in.TagKeys {
			dropTag(d.Tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UntagMFADeviceOutput{}, nil
}

// ListMFADeviceTags lists a device's tags by key.
func (s *Service) ListMFADeviceTags(ctx context.Context, in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
	account := wire.CallFrom(ctx).Account()
	var d *mfaDevice
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		d, err = device(tx, account, *in.SerialNumber)
		return err
	})
	if err != nil {
		return nil, err
	}
	tags, p, err := pageTags("iam.ListMFADeviceTags", d.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListMFADeviceTagsOutput{Tags: tags, IsTruncated: p.more, Marker: p.marker()}, nil
}
