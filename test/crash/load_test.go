package crash_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

const clients = 16

// A load is clients that work until the server is gone.
type load struct {
	ending  atomic.Bool // set before the server is told to go
	working sync.WaitGroup
	clients []*client
}

func startLoad(t *testing.T, c aws.Config, name string) *load {
	l := &load{}
	for i := range clients {
		l.clients = append(l.clients, &client{
			name: fmt.Sprintf("%s-%d", name, i), kms: kms.NewFromConfig(c), iam: iam.NewFromConfig(c), journal: newJournal(),
		})
	}
	for _, c := range l.clients {
		l.working.Go(func() {
			err := c.work(context.WithoutCancel(t.Context()))
			var answer smithy.APIError
			if errors.As(err, &answer) || !l.ending.Load() {
				t.Errorf("client %s: %v", c.name, err)
			}
		})
	}
	return l
}

// end waits for the clients and returns what they know.
func (l *load) end() *journal {
	l.working.Wait()
	all := newJournal()
	for _, c := range l.clients {
		all.add(c.journal)
	}
	return all
}

// A client works on things of its own, so that it knows what state they are in.
type client struct {
	name    string
	kms     *kms.Client
	iam     *iam.Client
	journal *journal

	round int
	key   string // made in this round
}

// work repeats all steps until one is not answered.
func (c *client) work(ctx context.Context) error {
	steps := []func(context.Context) error{
		c.createKey, c.createAlias, c.encrypt, c.tag, c.createUser, c.deleteAlias, c.createAliasAgain, c.untag, c.deleteUser,
	}
	for ; ; c.round++ {
		for _, step := range steps {
			if err := step(ctx); err != nil {
				return err
			}
		}
	}
}

func (c *client) named(kind string) string { return fmt.Sprintf("%s-%s-%d", kind, c.name, c.round) }

func (c *client) createKey(ctx context.Context) error {
	out, err := c.kms.CreateKey(ctx, &kms.CreateKeyInput{
		Description: aws.String(c.named("key")),
		Tags:        []types.Tag{{TagKey: aws.String("client"), TagValue: &c.name}},
	})
	if err != nil {
		return err
	}
	c.key = *out.KeyMetadata.KeyId
	c.journal.keys[c.key] = entries{"client": c.name}
	c.journal.wrote("CreateKey", out.ResultMetadata)
	return nil
}

func (c *client) tag(ctx context.Context) error {
	tags := []types.Tag{{TagKey: aws.String("kept"), TagValue: aws.String(c.named("tag"))}, {TagKey: aws.String("passing"), TagValue: aws.String("1")}}
	out, err := c.kms.TagResource(ctx, &kms.TagResourceInput{KeyId: &c.key, Tags: tags})
	if err != nil {
		return err
	}
	for _, tag := range tags {
		c.journal.keys[c.key][*tag.TagKey] = *tag.TagValue
	}
	c.journal.wrote("TagResource", out.ResultMetadata)
	return nil
}

func (c *client) untag(ctx context.Context) error {
	delete(c.journal.keys[c.key], "passing")
	out, err := c.kms.UntagResource(ctx, &kms.UntagResourceInput{KeyId: &c.key, TagKeys: []string{"passing"}})
	if err != nil {
		return err
	}
	c.journal.keys[c.key]["passing"] = gone
	c.journal.wrote("UntagResource", out.ResultMetadata)
	return nil
}

func (c *client) createAlias(ctx context.Context) error {
	return c.pointAlias(ctx, "alias/"+c.named("alias"))
}

func (c *client) pointAlias(ctx context.Context, name string) error {
	delete(c.journal.aliases, name)
	out, err := c.kms.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &c.key})
	if err != nil {
		return err
	}
	c.journal.aliases[name] = c.key
	c.journal.wrote("CreateAlias", out.ResultMetadata)
	return nil
}

// deleteAlias deletes two aliases of three.
func (c *client) deleteAlias(ctx context.Context) error {
	if c.round%3 == 0 {
		return nil
	}
	name := "alias/" + c.named("alias")
	delete(c.journal.aliases, name)
	out, err := c.kms.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &name})
	if err != nil {
		return err
	}
	c.journal.aliases[name] = gone
	c.journal.wrote("DeleteAlias", out.ResultMetadata)
	return nil
}

// createAliasAgain brings one of the deleted ones back.
func (c *client) createAliasAgain(ctx context.Context) error {
	if c.round%3 != 1 {
		return nil
	}
	return c.pointAlias(ctx, "alias/"+c.named("alias"))
}

func (c *client) encrypt(ctx context.Context) error {
	s := sealed{keyID: c.key, plaintext: c.named("secret")}
	out, err := c.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &c.key, Plaintext: []byte(s.plaintext), EncryptionContext: bound(c.key)})
	if err != nil {
		return err
	}
	s.ciphertext = out.CiphertextBlob
	c.journal.sealed = append(c.journal.sealed, s)
	c.journal.note("Encrypt", out.ResultMetadata, false)
	return nil
}

func (c *client) createUser(ctx context.Context) error {
	name := c.named("user")
	out, err := c.iam.CreateUser(ctx, &iam.CreateUserInput{
		UserName: &name, Tags: []iamtypes.Tag{{Key: aws.String("client"), Value: &c.name}},
	})
	if err != nil {
		return err
	}
	c.journal.users[name] = *out.User.Arn
	c.journal.wrote("CreateUser", out.ResultMetadata)
	return nil
}

// deleteUser deletes every other user.
func (c *client) deleteUser(ctx context.Context) error {
	if c.round%2 == 0 {
		return nil
	}
	name := c.named("user")
	delete(c.journal.users, name)
	out, err := c.iam.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})
	if err != nil {
		return err
	}
	c.journal.users[name] = gone
	c.journal.wrote("DeleteUser", out.ResultMetadata)
	return nil
}
