package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// The small account has as many grants on a key as a page of ListGrants shows, and
// more, so that both answer the same bytes.
const (
	smallKeys   = 100
	smallGrants = 60
	pageSize    = 50
)

// A visit is a call that is made in both accounts.
type visit struct {
	name string
	op   operation
	// requests are what is sent, in turn; byGrantee tells who sends them.
	requests  func(ctx context.Context, a *account) ([]request, error)
	byGrantee bool
}

// visits are in an order in which none changes what the next finds: CreateKey
// comes last.
func visits() []visit {
	encrypt, describe := call("encrypt", "Encrypt", noKey), call("describe-key", "DescribeKey", noKey)
	return []visit{
		{name: "Encrypt by the owner", op: encrypt, requests: hot(sealing32)},
		{name: "Encrypt, every call another key", op: encrypt, requests: each(sealing32)},
		{name: "Decrypt by a grantee", op: call("decrypt", "Decrypt", noKey), requests: byGrant, byGrantee: true},
		{name: "Decrypt by the last of its grants", op: call("decrypt", "Decrypt", noKey), requests: byLastGrant, byGrantee: true},
		{name: "DescribeKey", op: describe, requests: hot(naming)},
		{name: "DescribeKey, every call another", op: describe, requests: each(naming)},
		{name: "ListGrants, a page", op: call("list-grants", "ListGrants", noKey), requests: page},
		{name: "CreateKey", op: call("create-key", "CreateKey", noKey), requests: nothing},
	}
}

func sealing32(key string) members {
	return members{"KeyId": key, "Plaintext": make([]byte, dataKeySize)}
}

func naming(key string) members { return members{"KeyId": key} }

// hot sends one request again and again.
func hot(m func(key string) members) func(context.Context, *account) ([]request, error) {
	return func(_ context.Context, a *account) ([]request, error) { return all(m, a.granted) }
}

// visited is how many keys of a large account are visited in turn: more than any
// cache holds, and fewer than take much memory.
const visited = 50_000

// each sends a request for one key after the other, over the whole account.
func each(m func(key string) members) func(context.Context, *account) ([]request, error) {
	return func(_ context.Context, a *account) ([]request, error) {
		n := min(visited, len(a.keys))
		keys := make([]string, n)
		for i := range keys {
			keys[i] = a.keys[i*len(a.keys)/n]
		}
		return all(m, keys...)
	}
}

func all(m func(key string) members, keys ...string) ([]request, error) {
	out := make([]request, len(keys))
	for i, key := range keys {
		var err error
		if out[i], err = newRequest(m(key)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// opening decrypts what is sealed under a key and a context.
func opening(ctx context.Context, a *account, key string, pairs map[string]string) ([]request, error) {
	out, err := a.client().Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: make([]byte, dataKeySize), EncryptionContext: pairs})
	if err != nil {
		return nil, err
	}
	m := members{"KeyId": key, "CiphertextBlob": out.CiphertextBlob}
	if pairs != nil {
		m["EncryptionContext"] = pairs
	}
	r, err := newRequest(m)
	return []request{r}, err
}

func byGrant(ctx context.Context, a *account) ([]request, error) {
	return opening(ctx, a, a.granted, nil)
}

// byLastGrant decrypts by the last in order of the user's grants, all of which
// name another context: a search from the first would look at each.
func byLastGrant(ctx context.Context, a *account) ([]request, error) {
	var last types.GrantListEntry
	pages := kms.NewListGrantsPaginator(a.client(), &kms.ListGrantsInput{KeyId: &a.crowded, Limit: aws.Int32(100)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		if n := len(out.Grants); n > 0 {
			last = out.Grants[n-1]
		}
	}
	if last.Constraints == nil {
		return nil, errors.New("the user has no grant with a constraint")
	}
	return opening(ctx, a, a.crowded, last.Constraints.EncryptionContextEquals)
}

func page(_ context.Context, a *account) ([]request, error) {
	return all(func(key string) members { return members{"KeyId": key, "Limit": pageSize} }, a.granted)
}

func nothing(context.Context, *account) ([]request, error) {
	r, err := newRequest(members{})
	return []request{r}, err
}
