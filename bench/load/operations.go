package main

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// An operation is one API call as the load generator sends it. Requests are
// made once; only their signature is made anew each time.
type operation struct {
	name    string
	service string
	header  http.Header
	// spec and usage are those of the key that the operation works with; none if
	// empty.
	spec  types.KeySpec
	usage types.KeyUsageType
	// members makes the request: a form as it is sent, or the members of a JSON
	// object. It may call the service for what the request needs, as a ciphertext.
	members func(ctx context.Context, s *subject) (any, error)
	// bare is the reference handler that it is compared with; rows are the sizes of
	// the store's own durable writes that are the reference instead.
	bare string
	rows []int
	// alone limits the measurement to this concurrency; 0 is all of them.
	alone int
	// aim is the least ratio to the reference that is good enough; 0 is none.
	aim float64
}

// A subject is the key that an operation works with, and a client to prepare the
// request with.
type subject struct {
	kms *kms.Client
	key *string
}

// members are the top-level members of a JSON request.
type members map[string]any

// atLeast is the ratio that every operation aims at (docs/performance.md).
const atLeast = 0.5

func operations() []operation {
	out := append(symmetric(), signatures()...)
	out = append(out, macs()...)
	out = append(out, stored()...)
	return append(out, others()...)
}

// others are calls that are no cryptography.
func others() []operation {
	return []operation{
		with(call("describe-key", "DescribeKey", symmetricKey), func(s *subject) members { return members{"KeyId": s.key} }),
		{
			name: "get-caller-identity", service: "sts", bare: "answer", aim: atLeast,
			header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
			members: func(context.Context, *subject) (any, error) {
				return "Action=GetCallerIdentity&Version=2011-06-15", nil
			},
		},
		createKey("create-key", oneRow),
		createKey("create-key-rows", keyRows),
	}
}

func createKey(name string, rows []int) operation {
	op := with(call(name, "CreateKey", noKey), func(*subject) members { return members{} })
	op.alone, op.rows = 16, rows
	return op
}

// A keyKind is what key an operation needs.
type keyKind struct {
	spec  types.KeySpec
	usage types.KeyUsageType
}

var (
	noKey        = keyKind{}
	symmetricKey = keyKind{types.KeySpecSymmetricDefault, types.KeyUsageTypeEncryptDecrypt}
)

// call is a KMS operation without its members, compared with the answer alone.
func call(name, action string, key keyKind) operation {
	return operation{
		name: name, service: "kms", spec: key.spec, usage: key.usage, bare: "answer", aim: atLeast,
		header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"TrentService." + action}},
	}
}

// beside is the operation compared with the named primitive.
func (o operation) beside(primitive string) operation {
	o.bare = primitive
	return o
}

// with is the operation with members that need no call.
func with(o operation, m func(*subject) members) operation {
	o.members = func(_ context.Context, s *subject) (any, error) { return m(s), nil }
	return o
}

// newSubject creates the key that the operation works with, if any.
func newSubject(ctx context.Context, c *kms.Client, o operation) (*subject, error) {
	s := &subject{kms: c}
	if o.spec == "" {
		return s, nil
	}
	out, err := c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: o.spec, KeyUsage: o.usage, Description: aws.String(o.name)})
	if err != nil {
		return nil, fmt.Errorf("create the key of %s: %w", o.name, err)
	}
	s.key = out.KeyMetadata.KeyId
	return s, nil
}

// chosen returns the operations that -ops names: names and patterns of names,
// separated by commas; all if it names none.
func chosen(names string) ([]operation, error) {
	if names == "" {
		return operations(), nil
	}
	var out []operation
	for pattern := range strings.SplitSeq(names, ",") {
		before := len(out)
		for _, op := range operations() {
			ok, err := path.Match(pattern, op.name)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", pattern, err)
			}
			if ok {
				out = append(out, op)
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("no operation is named %q; -list lists them", pattern)
		}
	}
	return out, nil
}

// reference says in a word what the operation is compared with.
func (o operation) reference() string {
	if o.rows != nil {
		return fmt.Sprintf("durable writes of rows of %d bytes", o.rows)
	}
	return o.bare
}
