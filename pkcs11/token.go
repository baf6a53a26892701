package main

import (
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

// maxSessions bounds how many requests the token works on at once.
const maxSessions = 8

// A token is open and logged in. Each session is used by one goroutine at a time.
type token struct {
	ctx      *pkcs11.Ctx
	slot     uint
	sessions []pkcs11.SessionHandle

	making sync.Mutex // held from the search for an id to the key's making

	mu      sync.Mutex // guards handles
	handles map[string]pkcs11.ObjectHandle
}

// open loads the library, finds the token and logs in as its user. The token
// keeps what it derives from the PIN; pin itself is the caller's to clear.
func open(where place, pin []byte) (*token, error) {
	ctx := pkcs11.New(where.module)
	if ctx == nil {
		return nil, refusal{frame.NoModule, "the module does not load"}
	}
	if err := ctx.Initialize(); err != nil {
		ctx.Destroy()
		return nil, refusal{frame.NoModule, fmt.Sprintf("initialize the module: %v", err)}
	}
	t := &token{ctx: ctx, handles: map[string]pkcs11.ObjectHandle{}}
	if err := t.enter(where.label, pin); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *token) enter(label string, pin []byte) error {
	info, err := t.find(label)
	if err != nil {
		return err
	}
	if info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0 {
		return refusal{frame.LockedPIN, "the token's user PIN is locked"}
	}
	if err := t.openSessions(info.MaxRwSessionCount); err != nil {
		return err
	}
	// No copy of the PIN is made on this side. The binding makes one in C, and
	// frees it uncleared: the process is undumpable for that as well.
	secret := unsafe.String(&pin[0], len(pin)) //nolint:gosec // pin outlives the call and isn't written meanwhile
	if err := t.ctx.Login(t.sessions[0], pkcs11.CKU_USER, secret); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// find sets the slot of the one token of that label.
func (t *token) find(label string) (pkcs11.TokenInfo, error) {
	slots, err := t.ctx.GetSlotList(true)
	if err != nil {
		return pkcs11.TokenInfo{}, fmt.Errorf("list slots: %w", err)
	}
	var found pkcs11.TokenInfo
	matches := 0
	for _, slot := range slots {
		info, err := t.ctx.GetTokenInfo(slot)
		if err != nil || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 || strings.TrimRight(info.Label, " \x00") != label {
			continue // a slot that does not answer may be another's
		}
		found, t.slot = info, slot
		matches++
	}
	switch matches {
	case 0:
		return found, refusal{frame.NoToken, "no token has this label"}
	case 1:
		return found, nil
	}
	return found, refusal{frame.NoToken, fmt.Sprintf("%d tokens have this label", matches)}
}

// openSessions opens as many as the token allows, and at least one.
func (t *token) openSessions(most uint) error {
	want := uint(maxSessions)
	// 0 is CK_EFFECTIVELY_INFINITE, and all ones CK_UNAVAILABLE_INFORMATION.
	if most > 0 {
		want = min(want, most)
	}
	for range want {
		s, err := t.ctx.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil && len(t.sessions) > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("open session: %w", err)
		}
		t.sessions = append(t.sessions, s)
	}
	return nil
}

// close logs out and lets the library go. What fails here ends with the process.
func (t *token) close() {
	if len(t.sessions) > 0 {
		_ = t.ctx.CloseAllSessions(t.slot) // the last session's end is the logout
	}
	_ = t.ctx.Finalize()
	t.ctx.Destroy()
}
