package gateway

import (
	"context"
	"errors"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// What a Keyring answers when there is no key to verify with.
var (
	ErrNoKey      = errors.New("no such access key, or it is not active")
	ErrExpiredKey = errors.New("the credentials have expired")
)

// A Key is what an access key id stands for.
type Key struct {
	// Secret is the secret access key. It is never printed.
	Secret    string
	Principal *authz.Principal
}

// A Keyring finds access keys: long-term ones, and temporary ones by their
// session token. It returns ErrNoKey or ErrExpiredKey.
type Keyring interface {
	Key(ctx context.Context, accessKeyID, token string) (Key, error)
}
