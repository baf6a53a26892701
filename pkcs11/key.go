package main

import (
	"bytes"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

// keySize is AES-256's, in bytes.
const keySize = 32

// keysOf returns the template of AES keys that the token keeps; of one id, where
// id is not nil.
func keysOf(id []byte) []*pkcs11.Attribute {
	t := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
	}
	if id != nil {
		t = append(t, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	return t
}

// generate makes a key that can only encrypt and decrypt, and never leaves the
// token (AWS KMS Developer Guide, "AWS CloudHSM key stores": keys are
// non-exportable AES-256 keys).
func (t *token) generate(s pkcs11.SessionHandle, label string, id []byte) error {
	t.making.Lock()
	defer t.making.Unlock()
	if n, err := t.count(s, id); err != nil {
		return err
	} else if n > 0 {
		return refusal{status: frame.KeyExists}
	}
	template := append(keysOf(id),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, keySize),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, false),
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, false),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, false),
	)
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}
	h, err := t.ctx.GenerateKey(s, mechanism, template)
	if err != nil {
		return fmt.Errorf("generate key: %w", err)
	}
	if err := t.fit(s, h); err != nil {
		_ = t.ctx.DestroyObject(s, h) // of no use, and not yet used
		return err
	}
	return nil
}

// destroy removes the key of that id for good.
func (t *token) destroy(s pkcs11.SessionHandle, id []byte) error {
	t.making.Lock()
	defer t.making.Unlock()
	h, err := t.search(s, id)
	if err != nil {
		return err
	}
	t.forget(id)
	if err := t.ctx.DestroyObject(s, h); stale(err) {
		return refusal{status: frame.NoKey}
	} else if err != nil {
		return fmt.Errorf("destroy key: %w", err)
	}
	return nil
}

// use calls f with the key of that id. A handle is remembered, since a search
// takes the longer the more keys there are, but its object is asked each time
// whether it is still that key: another program may have destroyed it.
func (t *token) use(s pkcs11.SessionHandle, id []byte, f func(pkcs11.ObjectHandle) error) error {
	t.mu.Lock()
	h, known := t.handles[string(id)]
	t.mu.Unlock()
	if known {
		err := t.same(s, h, id)
		if err == nil {
			err = f(h)
		}
		if !stale(err) {
			return err
		}
		t.forget(id)
	}
	h, err := t.search(s, id)
	if err != nil {
		return err
	}
	if err := t.fit(s, h); err != nil {
		return err
	}
	t.mu.Lock()
	t.handles[string(id)] = h
	t.mu.Unlock()
	return f(h)
}

func (t *token) forget(id []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.handles, string(id))
}

// same says with a stale handle's error that the object is another's.
func (t *token) same(s pkcs11.SessionHandle, h pkcs11.ObjectHandle, id []byte) error {
	got, err := t.ctx.GetAttributeValue(s, h, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil)})
	if err == nil && !bytes.Equal(got[0].Value, id) {
		err = pkcs11.Error(pkcs11.CKR_OBJECT_HANDLE_INVALID)
	}
	if err != nil {
		return fmt.Errorf("read key's id: %w", err)
	}
	return nil
}

// fit refuses a key that may leave the token, now or in its past. Once is enough: a
// key never becomes less sensitive, nor extractable (PKCS#11 2.40, common footnotes
// 11 and 12 of the attribute tables).
func (t *token) fit(s pkcs11.SessionHandle, h pkcs11.ObjectHandle) error {
	got, err := t.ctx.GetAttributeValue(s, h, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, nil),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, nil),
		pkcs11.NewAttribute(pkcs11.CKA_ALWAYS_SENSITIVE, nil),
		pkcs11.NewAttribute(pkcs11.CKA_NEVER_EXTRACTABLE, nil),
	})
	if err != nil {
		return fmt.Errorf("read key's attributes: %w", err)
	}
	yes := func(a *pkcs11.Attribute) bool { return len(a.Value) == 1 && a.Value[0] != 0 }
	if !yes(got[0]) || yes(got[1]) || !yes(got[2]) || !yes(got[3]) {
		return refusal{frame.Unfit, "the key may leave the token"}
	}
	return nil
}

// search finds the one key of that id.
func (t *token) search(s pkcs11.SessionHandle, id []byte) (pkcs11.ObjectHandle, error) {
	var found pkcs11.ObjectHandle
	n, err := t.each(s, id, func(h pkcs11.ObjectHandle) { found = h })
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, refusal{status: frame.NoKey}
	case n > 1:
		return 0, refusal{frame.Unfit, fmt.Sprintf("%d keys share the id", n)}
	}
	return found, nil
}

func (t *token) count(s pkcs11.SessionHandle, id []byte) (int, error) {
	return t.each(s, id, func(pkcs11.ObjectHandle) {})
}

// batch is how many handles one call asks the token for.
const batch = 32

func (t *token) each(s pkcs11.SessionHandle, id []byte, f func(pkcs11.ObjectHandle)) (n int, err error) {
	if err := t.ctx.FindObjectsInit(s, keysOf(id)); err != nil {
		return 0, fmt.Errorf("search keys: %w", err)
	}
	defer func() {
		if e := t.ctx.FindObjectsFinal(s); e != nil && err == nil {
			err = fmt.Errorf("end of search: %w", e)
		}
	}()
	for {
		handles, _, err := t.ctx.FindObjects(s, batch)
		if err != nil {
			return 0, fmt.Errorf("search keys: %w", err)
		}
		for _, h := range handles {
			f(h)
		}
		n += len(handles)
		if len(handles) == 0 {
			return n, nil
		}
	}
}
