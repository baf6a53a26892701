package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/bench/process"
)

// An account is a server's one account and what lies in it.
type account struct {
	server *process.Process
	owner  aws.Credentials
	// grantee is a user without a policy: only grants let it in.
	grantee aws.Credentials
	user    string // its ARN
	keys    []string
	// granted is a key with grants to many, one of them to the user; crowded one whose
	// grants are all to the user.
	granted, crowded string
}

// fill is what an account is to hold: keys, of which granted have so many grants.
type fill struct{ keys, granted, grants int }

// fillers is how many callers fill an account: as many as a busy application has.
const fillers = 32

// newAccount starts nothing: it fills the account of a server that runs.
func newAccount(ctx context.Context, server *process.Process, owner aws.Credentials, f fill) (*account, error) {
	a := &account{server: server, owner: owner}
	if err := a.addUser(ctx); err != nil {
		return nil, err
	}
	if err := a.createKeys(ctx, f.keys); err != nil {
		return nil, err
	}
	a.granted, a.crowded = a.keys[0], a.keys[len(a.keys)-1]
	stride := max(1, len(a.keys)/f.granted)
	for i := range f.granted {
		if err := a.grantOthers(ctx, a.keys[i*stride], f.grants-1); err != nil {
			return nil, err
		}
	}
	if err := a.grantUser(ctx, a.granted); err != nil {
		return nil, err
	}
	return a, a.crowd(ctx, a.crowded, f.grants)
}

// startAccount starts a server on an empty directory and fills its account.
func startAccount(ctx context.Context, binary, dir string, f fill) (*account, error) {
	data := filepath.Join(dir, "data")
	server, err := process.Garrison(ctx, binary, data)
	if err != nil {
		return nil, err
	}
	owner, err := process.Credentials(ctx, binary, data)
	if err != nil {
		server.Stop()
		return nil, err
	}
	begun := time.Now()
	a, err := newAccount(ctx, server, owner, f)
	if err != nil {
		server.Stop()
		return nil, err
	}
	fmt.Printf("%d keys, %d of them with %d grants, made in %s\n", f.keys, f.granted, f.grants, time.Since(begun).Round(time.Second/10))
	return a, nil
}

func (a *account) client() *kms.Client { return kms.NewFromConfig(a.server.Config(a.owner, home)) }

func (a *account) addUser(ctx context.Context) error {
	c := iam.NewFromConfig(a.server.Config(a.owner, home))
	user, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("grantee")})
	if err != nil {
		return fmt.Errorf("create the grantee: %w", err)
	}
	key, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("grantee")})
	if err != nil {
		return fmt.Errorf("create the grantee's access key: %w", err)
	}
	a.user = *user.User.Arn
	a.grantee = aws.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretAccessKey: *key.AccessKey.SecretAccessKey}
	return nil
}

// createKeys creates n keys, and says now and then how far it is.
func (a *account) createKeys(ctx context.Context, n int) error {
	r, err := newRequest(members{})
	if err != nil {
		return err
	}
	c := newClient(a.server.URL, a.owner, call("create-key", "CreateKey", noKey), r)
	defer c.close()
	a.keys = make([]string, n)
	begun := time.Now()
	return shared(n, func(signer *v4.Signer, i int) error {
		answer, err := c.send(ctx, signer)
		if err != nil {
			return err
		}
		if i%100_000 == 0 && i > 0 {
			fmt.Printf("  %d keys after %s\n", i, time.Since(begun).Round(time.Second))
		}
		var out struct {
			KeyMetadata struct {
				KeyID string `json:"KeyId"`
			}
		}
		err = json.Unmarshal(answer, &out)
		a.keys[i] = out.KeyMetadata.KeyID
		return err
	})
}

// grantOthers lets n users that there need not be decrypt with a key.
func (a *account) grantOthers(ctx context.Context, key string, n int) error {
	return a.grant(ctx, key, n, func(i int) members {
		return members{"GranteePrincipal": fmt.Sprintf("%s-%d", a.user, i)}
	})
}

// grantUser lets the user decrypt with a key, whatever the context.
func (a *account) grantUser(ctx context.Context, key string) error {
	return a.grant(ctx, key, 1, func(int) members { return members{"GranteePrincipal": a.user} })
}

// crowd lets the user decrypt with a key by n grants, each for a context of its own.
func (a *account) crowd(ctx context.Context, key string, n int) error {
	return a.grant(ctx, key, n, func(i int) members {
		equals := map[string]string{"object": strconv.Itoa(i)}
		return members{"GranteePrincipal": a.user, "Constraints": members{"EncryptionContextEquals": equals}}
	})
}

func (a *account) grant(ctx context.Context, key string, n int, each func(i int) members) error {
	requests := make([]request, n)
	for i := range requests {
		m := each(i)
		m["KeyId"], m["Operations"] = key, []string{"Decrypt", "DescribeKey"}
		var err error
		if requests[i], err = newRequest(m); err != nil {
			return err
		}
	}
	c := newClient(a.server.URL, a.owner, call("create-grant", "CreateGrant", noKey), requests...)
	defer c.close()
	return shared(n, func(signer *v4.Signer, _ int) error {
		_, err := c.send(ctx, signer)
		return err
	})
}
