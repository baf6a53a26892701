package main

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

// A refusal is an error that says its status itself.
type refusal struct {
	status frame.Status
	text   string
}

// Error returns the reason, which names no secret.
func (r refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.text) }

// aeadDecryptFailed is CKR_AEAD_DECRYPT_FAILED of PKCS#11 3.0, which the binding
// doesn't name.
const aeadDecryptFailed pkcs11.Error = 0x42

// classify turns an error into the answer's status and text. A PKCS#11 return
// value (PKCS#11 2.40 §5.1) that says that token, session or login is lost is
// Gone: only a new process logs in again.
func classify(err error) refusal {
	if err == nil {
		return refusal{status: frame.OK}
	}
	if r, ok := errors.AsType[refusal](err); ok {
		return r
	}
	status := frame.Failed
	if code, ok := errors.AsType[pkcs11.Error](err); ok {
		status = statusOf(code)
	}
	return refusal{status: status, text: err.Error()}
}

func statusOf(code pkcs11.Error) frame.Status {
	switch uint(code) {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE,
		pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
		return frame.WrongPIN
	case pkcs11.CKR_PIN_LOCKED:
		return frame.LockedPIN
	case pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
		pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_SESSION_HANDLE_INVALID,
		pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED:
		return frame.Gone
	}
	return frame.Failed
}

// stale says that an object's handle is no longer one.
func stale(err error) bool {
	code, ok := errors.AsType[pkcs11.Error](err)
	return ok && (code == pkcs11.CKR_OBJECT_HANDLE_INVALID || code == pkcs11.CKR_KEY_HANDLE_INVALID)
}

// vague says that the token failed without saying why.
func vague(err error) bool {
	code, ok := errors.AsType[pkcs11.Error](err)
	return ok && (code == pkcs11.CKR_GENERAL_ERROR || code == pkcs11.CKR_FUNCTION_FAILED)
}

// unauthentic says that the token found a ciphertext wanting.
func unauthentic(err error) bool {
	code, ok := errors.AsType[pkcs11.Error](err)
	return ok && (code == pkcs11.CKR_ENCRYPTED_DATA_INVALID || code == pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE ||
		code == pkcs11.CKR_SIGNATURE_INVALID || code == aeadDecryptFailed)
}
