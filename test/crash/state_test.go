package crash_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// An inspector compares a server with a journal.
type inspector struct {
	t      *testing.T
	config aws.Config
	kms    *kms.Client
	iam    *iam.Client
}

func inspect(t *testing.T, c aws.Config) *inspector {
	return &inspector{t: t, config: c, kms: kms.NewFromConfig(c), iam: iam.NewFromConfig(c)}
}

// bound is the encryption context of everything encrypted under a key.
func bound(keyID string) map[string]string { return map[string]string{"key": keyID} }

// state checks everything that the journal knows.
func (i *inspector) state(j *journal) {
	i.t.Helper()
	ctx := i.t.Context()
	check, wait := i.checks()
	for id, tags := range j.keys {
		check("key "+id, func() error { return i.key(ctx, id, tags) })
	}
	for name, target := range j.aliases {
		check(name, func() error { return i.alias(ctx, name, target) })
	}
	for name, arn := range j.users {
		check("user "+name, func() error { return i.user(ctx, name, arn) })
	}
	for _, s := range j.sealed {
		check("ciphertext of "+s.keyID, func() error { return i.opens(ctx, s) })
	}
	wait()
	i.listedAliases(ctx, j)
}

// checks returns a function that starts a check beside others, and one that
// waits for them.
func (i *inspector) checks() (check func(what string, f func() error), wait func() error) {
	var group errgroup.Group
	group.SetLimit(8)
	check = func(what string, f func() error) {
		group.Go(func() error {
			if err := f(); err != nil {
				i.t.Errorf("%s: %v", what, err)
			}
			return nil
		})
	}
	return check, group.Wait
}

func (i *inspector) enabled(ctx context.Context, keyID string) error {
	out, err := i.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &keyID})
	if err != nil {
		return err
	}
	if state := out.KeyMetadata.KeyState; state != types.KeyStateEnabled {
		return fmt.Errorf("state = %s, want Enabled", state)
	}
	return nil
}

func (i *inspector) key(ctx context.Context, id string, tags entries) error {
	if err := i.enabled(ctx, id); err != nil {
		return err
	}
	got, err := i.tags(ctx, id)
	if err != nil {
		return err
	}
	for name, want := range tags {
		if got[name] != want {
			return fmt.Errorf("tag %s = %q, want %q", name, got[name], want)
		}
	}
	return nil
}

func (i *inspector) tags(ctx context.Context, keyID string) (entries, error) {
	out, err := i.kms.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: &keyID})
	if err != nil {
		return nil, err
	}
	tags := entries{}
	for _, tag := range out.Tags {
		tags[*tag.TagKey] = *tag.TagValue
	}
	return tags, nil
}

func (i *inspector) alias(ctx context.Context, name, target string) error {
	out, err := i.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &name})
	if target == gone {
		if code := garrisontest.ErrorCode(err); code != "NotFoundException" {
			return fmt.Errorf("was deleted, and answers %q, want NotFoundException", code)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if got := *out.KeyMetadata.KeyId; got != target {
		return fmt.Errorf("stands for %s, want %s", got, target)
	}
	return nil
}

// listedAliases compares the listing, which is read by another way than a
// single alias.
func (i *inspector) listedAliases(ctx context.Context, j *journal) {
	listed := entries{}
	pages := kms.NewListAliasesPaginator(i.kms, &kms.ListAliasesInput{Limit: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			i.t.Errorf("list aliases: %v", err)
			return
		}
		for _, a := range page.Aliases {
			listed[*a.AliasName] = aws.ToString(a.TargetKeyId)
		}
	}
	for name, target := range j.aliases {
		if listed[name] != target {
			i.t.Errorf("%s is listed with key %q, want %q", name, listed[name], target)
		}
	}
}

func (i *inspector) user(ctx context.Context, name, arn string) error {
	out, err := i.iam.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	if arn == gone {
		if code := garrisontest.ErrorCode(err); code != "NoSuchEntity" {
			return fmt.Errorf("was deleted, and answers %q, want NoSuchEntity", code)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if got := *out.User.Arn; got != arn {
		return fmt.Errorf("ARN = %s, want %s", got, arn)
	}
	return nil
}

func (i *inspector) opens(ctx context.Context, s sealed) error {
	out, err := i.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: s.ciphertext, EncryptionContext: bound(s.keyID)})
	if err != nil {
		return err
	}
	if got := string(out.Plaintext); got != s.plaintext {
		return fmt.Errorf("plaintext = %q, want %q", got, s.plaintext)
	}
	return nil
}

// wholeKeys wants every key that is listed, acknowledged or not, to be all
// there, and adds those that are new to known.
func (i *inspector) wholeKeys(known map[string]bool) {
	ctx := i.t.Context()
	check, wait := i.checks()
	defer wait()
	pages := kms.NewListKeysPaginator(i.kms, &kms.ListKeysInput{Limit: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			i.t.Errorf("list keys: %v", err)
			return
		}
		for _, k := range page.Keys {
			if id := *k.KeyId; !known[id] {
				known[id] = true
				check("half-made key "+id, func() error { return i.wholeKey(ctx, id) })
			}
		}
	}
}

func (i *inspector) wholeKey(ctx context.Context, id string) error {
	if err := i.enabled(ctx, id); err != nil {
		return err
	}
	tags, err := i.tags(ctx, id)
	if err != nil || tags["client"] == "" {
		return fmt.Errorf("tags = %v, %w, want one named client", tags, err)
	}
	if _, err := i.kms.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &id}); err != nil {
		return err
	}
	out, err := i.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &id, Plaintext: []byte("whole"), EncryptionContext: bound(id)})
	if err != nil {
		return err
	}
	return i.opens(ctx, sealed{keyID: id, plaintext: "whole", ciphertext: out.CiphertextBlob})
}

// wholeUsers is wholeKeys of users.
func (i *inspector) wholeUsers(known map[string]bool) {
	ctx := i.t.Context()
	check, wait := i.checks()
	defer wait()
	pages := iam.NewListUsersPaginator(i.iam, &iam.ListUsersInput{MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			i.t.Errorf("list users: %v", err)
			return
		}
		for _, u := range page.Users {
			if name := *u.UserName; !known[name] {
				known[name] = true
				check("half-made user "+name, func() error { return i.wholeUser(ctx, u) })
			}
		}
	}
}

func (i *inspector) wholeUser(ctx context.Context, u iamtypes.User) error {
	if err := i.user(ctx, *u.UserName, *u.Arn); err != nil {
		return err
	}
	out, err := i.iam.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: u.UserName})
	if err != nil {
		return err
	}
	if len(out.Tags) != 1 || *out.Tags[0].Key != "client" {
		return fmt.Errorf("%d tags, want the one named client", len(out.Tags))
	}
	return nil
}
