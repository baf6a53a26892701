package secretsmanager

import (
	"context"
	"errors"
	"strings"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A reference is a SecretId as a caller gives it, taken apart.
type reference struct {
	account string
	name    string // empty for what cannot name a secret here
	suffix  string // empty where any will do
	given   string
}

// suffixSize is the length of what an ARN adds to the name, without the hyphen.
const suffixSize = 6

// parse reads a name, an ARN, or an ARN without its suffix. An ARN that ends in a
// hyphen and six characters counts as complete, even where they belong to the
// name (Secrets Manager User Guide, "Finding a secret from a partial ARN").
func (s *Service) parse(ctx context.Context, given string) reference {
	r := reference{account: wire.CallFrom(ctx).Account(), given: given}
	if !strings.HasPrefix(given, "arn:") {
		r.name = given
		return r
	}
	a, err := arn.Parse(given)
	if err != nil || !arn.IsAccount(a.AccountID) {
		return r
	}
	r.account = a.AccountID
	name, ok := strings.CutPrefix(a.Resource, "secret:")
	if !ok || a.Service != "secretsmanager" || a.Region != s.region || a.Partition != arn.Partition(s.region) {
		return r
	}
	r.name = name
	if n := len(name) - suffixSize; n > 1 && name[n-1] == '-' && alphanumeric(name[n:]) {
		r.name, r.suffix = name[:n-1], name[n:]
	}
	return r
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// arn is what policies are asked about where the reference leads nowhere.
func (s *Service) arn(r reference) string {
	if strings.HasPrefix(r.given, "arn:") {
		return r.given
	}
	return arn.New("secretsmanager", s.region, r.account, "secret:"+r.name)
}

// get reads the secret that r refers to; store.ErrNotFound if there is none.
func (r reference) get(tx *store.Tx) (*secret, error) {
	if r.name == "" {
		return nil, store.ErrNotFound
	}
	row, err := secrets.Get(tx, r.account, r.name)
	if err != nil {
		return nil, err
	}
	if r.suffix != "" && row.Suffix != r.suffix || row.gone(tx.Now()) {
		return nil, store.ErrNotFound
	}
	return row, nil
}

// authorized narrows a reference to the very secret that was authorized, so that
// one made meanwhile under the same name is not taken for it.
func (s *Service) authorized(ctx context.Context, given string) reference {
	r := s.parse(ctx, given)
	if suffix, ok := wire.CallFrom(ctx).Pinned(given); ok {
		r.suffix = suffix
	}
	return r
}

// find reads the secret that the caller named, or answers AWS's error. The row
// must not be changed.
func (s *Service) find(ctx context.Context, given *string) (*secret, error) {
	var row *secret
	r := s.authorized(ctx, *given)
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = r.get(tx)
		return err
	})
	return row, orMissing(err)
}

// active is find for operations that a secret marked for deletion refuses.
func (s *Service) active(ctx context.Context, given *string) (*secret, error) {
	row, err := s.find(ctx, given)
	if err == nil && row.pending() {
		return nil, markedForDeletion()
	}
	return row, err
}

// edit changes a secret in one transaction. A secret that is marked for deletion
// refuses.
func (s *Service) edit(ctx context.Context, given *string, change func(*store.Tx, *secret) error) (*secret, error) {
	return s.editAny(ctx, given, func(tx *store.Tx, row *secret) error {
		if row.pending() {
			return markedForDeletion()
		}
		return change(tx, row)
	})
}

// editAny changes a secret in one transaction, and has its replicas follow. A
// replica refuses.
func (s *Service) editAny(ctx context.Context, given *string, change func(*store.Tx, *secret) error) (*secret, error) {
	t := &telling{by: wire.CallFrom(ctx).Principal}
	return s.editReplica(ctx, given, func(tx *store.Tx, row *secret) error {
		if row.replicated() {
			return onReplica()
		}
		before := row.Shared
		if err := change(tx, row); err != nil || row.Shared != before {
			return err // it has told them itself
		}
		return row.tell(tx, t)
	})
}

// editReplica changes any secret in one transaction.
func (s *Service) editReplica(ctx context.Context, given *string, change func(*store.Tx, *secret) error) (*secret, error) {
	r := s.authorized(ctx, *given)
	var edited *secret
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := r.get(tx)
		if err != nil {
			return orMissing(err)
		}
		row.Changed = tx.Now()
		if err := change(tx, row); err != nil {
			return err
		}
		edited = row
		return secrets.Put(tx, row)
	})
	return edited, err
}

func orMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return missing()
	}
	return err
}
