package iam

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/ssh"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A sshKey is a public key of a user.
type sshKey struct {
	Account, User, ID string
	// Wire is the key in SSH's wire format (RFC 4253 §6.6).
	Wire     []byte
	Active   bool
	Uploaded time.Time
}

const (
	sshKeyID = "APKA"
	// maxSSHKeys is how many a user may have (IAM User Guide, "IAM and AWS STS
	// quotas"), minSSHBits the shortest RSA modulus that is taken (IAM API
	// Reference, UploadSSHPublicKey).
	maxSSHKeys = 5
	minSSHBits = 2048
)

var sshKeys = store.NewTable("iam.sshkey", func(k *sshKey) store.Key { return store.K(k.Account, k.User, k.ID) },
	store.UniqueIndex("key", func(k *sshKey) []store.Key { return []store.Key{store.K(k.Account, k.User, digest(k.Wire))} }))

func (s *Service) sshKeyOperations() []wire.Operation {
	return []wire.Operation{
		op(on(s, users, func(in *iam.UploadSSHPublicKeyInput) *string { return in.UserName }), s.UploadSSHPublicKey),
		op(on(s, users, func(in *iam.GetSSHPublicKeyInput) *string { return in.UserName }), s.GetSSHPublicKey),
		op(on(s, users, func(in *iam.ListSSHPublicKeysInput) *string { return in.UserName }), s.ListSSHPublicKeys),
		op(on(s, users, func(in *iam.UpdateSSHPublicKeyInput) *string { return in.UserName }), s.UpdateSSHPublicKey),
		op(on(s, users, func(in *iam.DeleteSSHPublicKeyInput) *string { return in.UserName }), s.DeleteSSHPublicKey),
	}
}

// readSSHKey reads an RSA key in SSH's or in PEM's form.
func readSSHKey(body string) (ssh.PublicKey, *rsa.PublicKey, error) {
	body = strings.TrimSpace(body)
	switch {
	case strings.HasPrefix(body, "ssh-rsa "):
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(body)) //nolint:dogsled // comment, options and rest are of no interest
		if err != nil {
			return nil, nil, badSSHKey()
		}
		return checkedSSHKey(key)
	case strings.HasPrefix(body, "-----BEGIN "):
		block, _ := pem.Decode([]byte(body))
		if block == nil {
			return nil, nil, badSSHKey()
		}
		public, err := publicKeyIn(block)
		if err != nil {
			return nil, nil, badSSHKey()
		}
		key, err := ssh.NewPublicKey(public)
		if err != nil {
			return nil, nil, badSSHKey()
		}
		return checkedSSHKey(key)
	default:
		return nil, nil, &types.UnrecognizedPublicKeyEncodingException{Message: aws.String("The public key encoding format is unsupported or unrecognized.")}
	}
}

func publicKeyIn(block *pem.Block) (any, error) { //nolint:ireturn // a public key is any, as in crypto/x509
	if block.Type == "RSA PUBLIC KEY" {
		return x509.ParsePKCS1PublicKey(block.Bytes)
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

func checkedSSHKey(key ssh.PublicKey) (ssh.PublicKey, *rsa.PublicKey, error) {
	whole, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil, nil, badSSHKey()
	}
	public, ok := whole.CryptoPublicKey().(*rsa.PublicKey)
	if !ok || public.N.BitLen() < minSSHBits {
		return nil, nil, badSSHKey()
	}
	return key, public, nil
}

func badSSHKey() error {
	return &types.InvalidPublicKeyException{Message: aws.String("The public key is malformed or otherwise invalid.")}
}

// api is the key in an encoding.
func (k *sshKey) api(u *user, encoding types.EncodingType) (*types.SSHPublicKey, error) {
	key, err := ssh.ParsePublicKey(k.Wire)
	if err != nil {
		return nil, err
	}
	_, public, err := checkedSSHKey(key)
	if err != nil {
		return nil, err
	}
	body := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	if encoding == types.EncodingTypePem {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return nil, err
		}
		body = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	return &types.SSHPublicKey{
		UserName: &u.Name, SSHPublicKeyId: &k.ID, SSHPublicKeyBody: &body, Status: statusOf(k.Active), UploadDate: &k.Uploaded,
		Fingerprint: aws.String(ssh.FingerprintLegacyMD5(key)), // as AWS defines it
	}, nil
}

// UploadSSHPublicKey gives a user a public key.
func (s *Service) UploadSSHPublicKey(ctx context.Context, in *iam.UploadSSHPublicKeyInput) (*iam.UploadSSHPublicKeyOutput, error) {
	key, _, err := readSSHKey(*in.SSHPublicKeyBody)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	row := &sshKey{Account: account, ID: authz.NewAccessKeyID(sshKeyID, account), Wire: key.Marshal(), Active: true, Uploaded: s.now()}
	out := &iam.UploadSSHPublicKeyOutput{}
	err = s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		have, err := ownedBy(tx, sshKeys, u)
		if err != nil {
			return err
		}
		if len(have) >= maxSSHKeys {
			return over("SSHPublicKeysPerUser", maxSSHKeys)
		}
		row.User = u.ID
		if out.SSHPublicKey, err = row.api(u, types.EncodingTypeSsh); err != nil {
			return err
		}
		out.SSHPublicKey.SSHPublicKeyBody = in.SSHPublicKeyBody
		return sshKeys.Insert(tx, row)
	})
	if errors.Is(err, store.ErrExists) {
		return nil, &types.DuplicateSSHPublicKeyException{Message: aws.String("The SSH public key is already associated with the specified IAM user.")}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// sshKeyOf reads a key that the user must have.
func (u *user) sshKeyOf(tx *store.Tx, id string) (*sshKey, error) {
	k, err := sshKeys.Get(tx, u.Account, u.ID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("The Public Key with id " + id + " cannot be found.")
	}
	return k, err
}

// GetSSHPublicKey returns a user's key in one of two encodings.
func (s *Service) GetSSHPublicKey(ctx context.Context, in *iam.GetSSHPublicKeyInput) (*iam.GetSSHPublicKeyOutput, error) {
	out := &iam.GetSSHPublicKeyOutput{}
	err := s.viewUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		k, err := u.sshKeyOf(tx, *in.SSHPublicKeyId)
		if err != nil {
			return err
		}
		out.SSHPublicKey, err = k.api(u, in.Encoding)
		return err
	})
	return out, err
}

// ListSSHPublicKeys lists the keys of a user or of the caller, by id.
func (s *Service) ListSSHPublicKeys(ctx context.Context, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	p, err := newPager("iam.ListSSHPublicKeys", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListSSHPublicKeysOutput{SSHPublicKeys: []types.SSHPublicKeyMetadata{}}
	err = s.viewUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		all, err := ownedBy(tx, sshKeys, u)
		for _, k := range all {
			if k.ID <= p.after {
				continue
			}
			if !p.take(k.ID) {
				break
			}
			out.SSHPublicKeys = append(out.SSHPublicKeys, types.SSHPublicKeyMetadata{
				UserName: &u.Name, SSHPublicKeyId: &k.ID, Status: statusOf(k.Active), UploadDate: &k.Uploaded,
			})
		}
		return err
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// UpdateSSHPublicKey switches a key on or off.
func (s *Service) UpdateSSHPublicKey(ctx context.Context, in *iam.UpdateSSHPublicKeyInput) (*iam.UpdateSSHPublicKeyOutput, error) {
	active, err := switched(in.Status)
	if err != nil {
		return nil, err
	}
	err = s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		k, err := u.sshKeyOf(tx, *in.SSHPublicKeyId)
		if err != nil {
			return err
		}
		k.Active = active
		return sshKeys.Put(tx, k)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateSSHPublicKeyOutput{}, nil
}

// DeleteSSHPublicKey deletes a key.
func (s *Service) DeleteSSHPublicKey(ctx context.Context, in *iam.DeleteSSHPublicKeyInput) (*iam.DeleteSSHPublicKeyOutput, error) {
	err := s.withUser(ctx, in.UserName, func(tx *store.Tx, u *user) error {
		k, err := u.sshKeyOf(tx, *in.SSHPublicKeyId)
		if err != nil {
			return err
		}
		return sshKeys.Delete(tx, k.Account, k.User, k.ID)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteSSHPublicKeyOutput{}, nil
}
