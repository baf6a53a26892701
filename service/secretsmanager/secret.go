package secretsmanager

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	letters  = "abcdefghijklmnopqrstuvwxyz"
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits   = "0123456789"
)

// newSuffix is what makes a secret's ARN its own.
func newSuffix() string {
	b := make([]byte, suffixSize)
	for i := range b {
		b[i] = pick(capitals + letters + digits)
	}
	return string(b)
}

// pick draws one character, each as likely as the others.
func pick(from string) byte { return from[below(len(from))] }

// below draws a number in [0, n), for n up to 256. Draws that would favor the
// lower numbers are thrown away.
func below(n int) int {
	var b [1]byte
	for limit := 256 - 256%n; ; {
		rand.Read(b[:])
		if int(b[0]) < limit {
			return int(b[0]) % n
		}
	}
}

// checkName refuses what cannot be a secret's name.
func checkName(name string) error {
	for i := range len(name) {
		c := name[i]
		if !alphanumeric(name[i:i+1]) && c != '-' && c != '/' && c != '_' && c != '+' && c != '=' && c != '.' && c != '@' && c != '!' {
			return invalid("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
		}
	}
	return nil
}

// normalKey is how a key is kept: naming the account's default key is naming none.
func (s *Service) normalKey(account string, id *string) string {
	given := aws.ToString(id)
	if given == defaultKey || given == arn.New("kms", s.region, account, defaultKey) {
		return ""
	}
	return given
}

// newSecret is the row that a CreateSecret asks for.
func (s *Service) newSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (*secret, error) {
	if err := checkName(*in.Name); err != nil {
		return nil, err
	}
	if aws.ToString(in.Type) != "" {
		return nil, notImplemented("Type")
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	call := wire.CallFrom(ctx)
	suffix, ok := call.Pinned(*in.Name)
	if !ok {
		suffix = newSuffix()
	}
	return &secret{
		Account: call.Account(), Name: *in.Name, Suffix: suffix, Region: s.region,
		Description: aws.ToString(in.Description), KMSKeyID: s.normalKey(call.Account(), in.KmsKeyId), Tags: tags,
	}, nil
}

// CreateSecret makes a secret, with a first version if a value is given. The same
// token with the same value does nothing.
func (s *Service) CreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (*secretsmanager.CreateSecretOutput, error) {
	row, err := s.newSecret(ctx, in)
	if err != nil {
		return nil, err
	}
	replicas, err := s.newReplicas(row.Account, in.AddReplicaRegions)
	if err != nil {
		return nil, err
	}
	v, given, err := newValue(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	id := ""
	if given {
		if id, err = newVersionID(in.ClientRequestToken); err != nil {
			return nil, err
		}
	}
	if old, err := s.created(ctx, row, id, v); err != nil || old != nil {
		return created(old, id), err
	}
	if err := s.checkKey(ctx, row); err != nil {
		return nil, err
	}
	var sealed *version
	if given {
		if sealed, err = s.seal(ctx, row, id, v); err != nil {
			return nil, err
		}
	}
	call := wire.CallFrom(ctx)
	call.Made = append(call.Made, wire.Resource{ARN: row.arn(), Type: secretType})
	t := &telling{by: call.Principal, force: in.ForceOverwriteReplicaSecret}
	if sealed != nil {
		t.values = []sent{*v.sent(sealed)}
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		row.Replicas, row.Shared, t.create = nil, 0, nil
		if err := insert(tx, row, sealed); err != nil || len(replicas) == 0 {
			return err
		}
		if err := row.extend(tx, replicas, t); err != nil {
			return err
		}
		return secrets.Put(tx, row)
	})
	if err != nil {
		call.Made = nil
		return nil, err
	}
	return created(row, id), nil
}

// created looks for a secret that has the name: the one that the very same
// request has made, nil for none, or an error for any other.
func (s *Service) created(ctx context.Context, row *secret, id string, v value) (*secret, error) {
	var old *secret
	var first *version
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if old, err = (reference{account: row.Account, name: row.Name}).get(tx); err != nil || id == "" {
			return err
		}
		if first, err = old.version(tx, id); errors.Is(err, store.ErrNotFound) {
			first, err = nil, nil
		}
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case old.pending():
		return nil, nameDeleted()
	case first == nil:
		return nil, nameTaken(row.Name)
	}
	return old, s.repeated(ctx, old, first, v)
}

func nameTaken(name string) error {
	return exists("The operation failed because the secret %s already exists.", name)
}

func nameDeleted() error {
	return invalidRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
}

// insert stores a new secret, in the place of one whose window has passed.
func insert(tx *store.Tx, row *secret, first *version) error {
	old, err := secrets.Get(tx, row.Account, row.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	case old.gone(tx.Now()):
		if err := destroy(tx, old); err != nil {
			return err
		}
	case old.pending():
		return nameDeleted()
	default:
		return nameTaken(row.Name)
	}
	row.Created, row.Changed, row.Versions, row.Stages = tx.Now(), tx.Now(), 0, nil
	if first != nil {
		if err := row.add(tx, row, first, nil); err != nil {
			return err
		}
	}
	return secrets.Insert(tx, row)
}

func created(row *secret, id string) *secretsmanager.CreateSecretOutput {
	if row == nil {
		return nil
	}
	out := &secretsmanager.CreateSecretOutput{ARN: aws.String(row.arn()), Name: &row.Name, ReplicationStatus: row.replication()}
	if id != "" {
		out.VersionId = &id
	}
	return out
}

// DescribeSecret tells all of a secret but its value.
func (s *Service) DescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput) (*secretsmanager.DescribeSecretOutput, error) {
	row, err := s.find(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DescribeSecretOutput{
		ARN: aws.String(row.arn()), Name: &row.Name, Description: text(row.Description), KmsKeyId: text(row.KMSKeyID),
		Tags: row.tags(), VersionIdsToStages: row.versionStages(),
		CreatedDate: &row.Created, LastChangedDate: &row.Changed, LastAccessedDate: date(row.Accessed), DeletedDate: date(row.DeletionAt),
		RotationEnabled: row.Rotation.enabled(), RotationLambdaARN: row.Rotation.function(), RotationRules: row.Rotation.rules(),
		LastRotatedDate: row.Rotation.last(), NextRotationDate: row.Rotation.next(),
		PrimaryRegion: row.primaryRegion(), ReplicationStatus: row.replication(),
	}, nil
}

// text is nil for what was not given: Secrets Manager returns only fields that
// have a value.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s *secret) tags() []types.Tag {
	out := make([]types.Tag, 0, len(s.Tags))
	for _, name := range slices.Sorted(maps.Keys(s.Tags)) {
		out = append(out, types.Tag{Key: &name, Value: aws.String(s.Tags[name])})
	}
	return out
}

// versionStages are the versions that have labels, and their labels.
func (s *secret) versionStages() map[string][]string {
	if len(s.Stages) == 0 {
		return nil
	}
	out := make(map[string][]string, len(s.Stages))
	for _, label := range slices.Sorted(maps.Keys(s.Stages)) {
		out[s.Stages[label]] = append(out[s.Stages[label]], label)
	}
	return out
}
