package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

// do runs one request on a session of its own. Its error is for classify.
func (t *token) do(s pkcs11.SessionHandle, r frame.Request) (frame.Response, error) {
	if !within(r) {
		return frame.Response{}, refusal{frame.BadRequest, "a limit of the protocol"}
	}
	switch r.Op {
	case frame.Generate:
		return frame.Response{}, t.generate(s, r.Label, r.ID)
	case frame.Delete:
		return frame.Response{}, t.destroy(s, r.ID)
	case frame.Exists:
		n, err := t.count(s, r.ID)
		return frame.Response{Number: uint32(min(n, 1))}, err //nolint:gosec // 0 or 1
	case frame.Keys:
		n, err := t.count(s, nil)
		return frame.Response{Number: uint32(n)}, err //nolint:gosec // no token has four billion keys
	case frame.Encrypt:
		sealed, err := t.encrypt(s, r)
		return frame.Response{Data: sealed}, err
	case frame.Decrypt:
		plain, err := t.decrypt(s, r)
		return frame.Response{Data: plain}, err
	case frame.Random:
		b, err := t.random(s, int(r.Number))
		return frame.Response{Data: b}, err
	case frame.Healthy:
		return frame.Response{}, t.healthy(s)
	case frame.Login:
	}
	return frame.Response{}, refusal{frame.BadRequest, "no such request here"}
}

// within holds a request to the protocol's limits.
func within(r frame.Request) bool {
	named := r.Op != frame.Random && r.Op != frame.Keys && r.Op != frame.Healthy
	longest := frame.MaxPlaintext
	if r.Op == frame.Decrypt {
		longest += frame.IVSize + frame.TagSize
	}
	return (len(r.ID) > 0) == named && len(r.ID) <= frame.MaxID && len(r.Label) <= frame.MaxLabel &&
		len(r.Data) <= longest && len(r.AAD) <= frame.MaxAAD && r.Number <= frame.MaxRandom
}

// encrypt returns IV ‖ ciphertext ‖ tag. The IV is 96 random bits of the
// operating system (NIST SP 800-38D §8.2.2, good for 2^32 messages a key);
// where a token insists on its own, it is that one.
func (t *token) encrypt(s pkcs11.SessionHandle, r frame.Request) ([]byte, error) {
	var sealed []byte
	err := t.use(s, r.ID, func(key pkcs11.ObjectHandle) error {
		iv := make([]byte, frame.IVSize)
		if _, err := rand.Read(iv); err != nil {
			return err
		}
		gcm := pkcs11.NewGCMParams(iv, r.AAD, frame.TagSize*8)
		defer gcm.Free()
		if err := t.ctx.EncryptInit(s, aesGCM(gcm), key); err != nil {
			return fmt.Errorf("begin to encrypt: %w", err)
		}
		ct, err := t.ctx.Encrypt(s, r.Data)
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		used := gcm.IV()
		if len(used) != frame.IVSize || len(ct) != len(r.Data)+frame.TagSize {
			return errors.New("encrypt: the token's answer has another length than AES-GCM's")
		}
		sealed = slices.Concat(used, ct)
		return nil
	})
	return sealed, err
}

// decrypt opens what encrypt returned.
func (t *token) decrypt(s pkcs11.SessionHandle, r frame.Request) ([]byte, error) {
	var plain []byte
	err := t.use(s, r.ID, func(key pkcs11.ObjectHandle) (err error) {
		if len(r.Data) < frame.IVSize+frame.TagSize {
			return refusal{status: frame.Invalid}
		}
		plain, err = t.open(s, key, r)
		return err
	})
	return plain, err
}

func (t *token) open(s pkcs11.SessionHandle, key pkcs11.ObjectHandle, r frame.Request) ([]byte, error) {
	gcm := pkcs11.NewGCMParams(r.Data[:frame.IVSize], r.AAD, frame.TagSize*8)
	defer gcm.Free()
	if err := t.ctx.DecryptInit(s, aesGCM(gcm), key); err != nil {
		return nil, fmt.Errorf("begin to decrypt: %w", err)
	}
	plain, err := t.ctx.Decrypt(s, r.Data[frame.IVSize:])
	switch {
	case err == nil:
		return plain, nil
	case unauthentic(err), vague(err) && t.sound(s, key):
		return nil, refusal{status: frame.Invalid}
	}
	return nil, fmt.Errorf("decrypt: %w", err)
}

// sound says whether the token can use the key at all. Some (SoftHSM) answer a
// wrong tag with CKR_GENERAL_ERROR, which a broken token answers too: where the
// same key seals a probe, the ciphertext was at fault.
func (t *token) sound(s pkcs11.SessionHandle, key pkcs11.ObjectHandle) bool {
	iv := make([]byte, frame.IVSize)
	if _, err := rand.Read(iv); err != nil {
		return false
	}
	gcm := pkcs11.NewGCMParams(iv, nil, frame.TagSize*8)
	defer gcm.Free()
	if err := t.ctx.EncryptInit(s, aesGCM(gcm), key); err != nil {
		return false
	}
	_, err := t.ctx.Encrypt(s, make([]byte, frame.TagSize))
	return err == nil
}

func (t *token) random(s pkcs11.SessionHandle, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b, err := t.ctx.GenerateRandom(s, n)
	if err != nil {
		return nil, fmt.Errorf("random bytes: %w", err)
	}
	return b, nil
}

// healthy asks whether the session is still the user's.
func (t *token) healthy(s pkcs11.SessionHandle) error {
	info, err := t.ctx.GetSessionInfo(s)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
		return refusal{frame.Gone, "the session is no longer logged in"}
	}
	return nil
}

func aesGCM(params *pkcs11.GCMParams) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, params)}
}
