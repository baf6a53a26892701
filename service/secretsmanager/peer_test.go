package secretsmanager_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/service/secretsmanager"
)

// A localKey is the KMS of one Region: it seals under a key of its own, and can be
// turned off.
type localKey struct {
	aead cipher.AEAD
	off  bool
}

func newLocalKey(t *rapid.T) *localKey {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return &localKey{aead: aead}
}

func bound(c map[string]string) []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // a map of strings is JSON
	}
	return b
}

func (k *localKey) refuses() error {
	if k.off {
		return &kmstypes.DisabledException{Message: aws.String("off")}
	}
	return nil
}

func (k *localKey) GenerateDataKey(_ context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	key := make([]byte, 32)
	rand.Read(key)
	return &kms.GenerateDataKeyOutput{KeyId: in.KeyId, Plaintext: key, CiphertextBlob: k.aead.Seal(nil, nil, key, bound(in.EncryptionContext))}, k.refuses()
}

func (k *localKey) Encrypt(_ context.Context, in *kms.EncryptInput) (*kms.EncryptOutput, error) {
	return &kms.EncryptOutput{KeyId: in.KeyId, CiphertextBlob: k.aead.Seal(nil, nil, in.Plaintext, bound(in.EncryptionContext))}, k.refuses()
}

func (k *localKey) Decrypt(_ context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error) {
	plain, err := k.aead.Open(nil, nil, in.CiphertextBlob, bound(in.EncryptionContext))
	if err != nil {
		return nil, &kmstypes.InvalidCiphertextException{Message: aws.String("")}
	}
	return &kms.DecryptOutput{Plaintext: plain}, k.refuses()
}

// A place is one Region of the simulation, whose letters are carried by hand.
type place struct {
	*secretsmanager.Service
	name  string
	db    *store.DB
	keys  *localKey
	take  relay.Handler
	ctx   context.Context
	carry map[string]uint64 // by destination: the last letter carried
}

// Handle and Knows make a place its Service's relay.
func (p *place) Handle(_ string, h relay.Handler) { p.take = h }

// Knows tells that every Region can be reached.
func (p *place) Knows(string) bool { return true }

type world struct {
	places map[string]*place
	clock  *clock.Fake
}

var names = []string{region, elsewhere, third}

func newWorld(t *rapid.T) *world {
	w := &world{places: map[string]*place{}, clock: clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	for _, name := range names {
		engine, err := pebble.OpenMemory()
		if err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: w.clock, Rehearse: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		call := &wire.Call{Facts: authz.Facts{Principal: authz.Root(arn.Root(account), account, "AKIAEXAMPLE"), Region: name}}
		p := &place{name: name, db: db, keys: newLocalKey(t), ctx: wire.WithCall(context.Background(), call), carry: map[string]uint64{}}
		p.Service = secretsmanager.New(secretsmanager.Config{DB: db, Clock: w.clock, Region: name, KMS: p.keys, Relay: p})
		w.places[name] = p
	}
	return w
}

// deliver carries the next letter from one Region to another, if there is one.
func (w *world) deliver(t *rapid.T, from, to string) bool {
	p, dest := w.places[from], "relay/"+to+"/secretsmanager"
	list, err := p.db.Outbox(p.ctx, dest, p.carry[to], 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		return false
	}
	var e struct {
		Sent    int64  `cbor:"1,keyasint"`
		Payload []byte `cbor:"2,keyasint"`
	}
	if err := store.Unmarshal(list[0].Payload, &e); err != nil {
		t.Fatal(err)
	}
	p.carry[to] = list[0].Seq
	q := w.places[to]
	m := &relay.Message{From: from, To: to, Topic: "secretsmanager", Seq: list[0].Seq, Payload: e.Payload}
	if err := q.db.Update(q.ctx, func(tx *store.Tx) error { return q.take.Apply(tx, m) }); err != nil {
		t.Fatalf("letter %d from %s to %s: %v", m.Seq, from, to, err)
	}
	return true
}

// settle carries everything, and lets everybody work until there is nothing left.
func (w *world) settle(t *rapid.T) {
	for moved := true; moved; {
		moved = false
		for _, p := range w.places {
			w.work(t, p)
		}
		for _, from := range names {
			for _, to := range names {
				for from != to && w.deliver(t, from, to) {
					moved = true
				}
			}
		}
	}
}

func (w *world) work(t *rapid.T, p *place) {
	if err := p.SettleArrivals(p.ctx); err != nil {
		t.Fatal(err)
	}
}

// act does one of a client's calls, whose refusal is no matter here.
func (w *world) act(t *rapid.T, n int) {
	p := w.places[rapid.SampledFrom(names).Draw(t, "where")]
	other := rapid.SampledFrom(names).Draw(t, "other")
	id, text, token := aws.String("app"), aws.String(fmt.Sprint("value ", n)), aws.String(fmt.Sprintf("%032d", n))
	force := rapid.Bool().Draw(t, "force")
	there := []types.ReplicaRegionType{{Region: &other}}
	var err error
	switch rapid.SampledFrom([]string{"create", "put", "put", "stage", "tag", "policy", "replicate", "replicate", "remove", "stop", "delete", "off", "on", "key"}).Draw(t, "what") {
	case "create":
		_, err = p.CreateSecret(p.ctx, &sdk.CreateSecretInput{Name: id, SecretString: text, ClientRequestToken: token, AddReplicaRegions: there, ForceOverwriteReplicaSecret: force})
	case "put":
		_, err = p.PutSecretValue(p.ctx, &sdk.PutSecretValueInput{SecretId: id, SecretString: text, ClientRequestToken: token})
	case "stage":
		to := aws.String(fmt.Sprintf("%032d", rapid.IntRange(0, n).Draw(t, "version")))
		_, err = p.UpdateSecretVersionStage(p.ctx, &sdk.UpdateSecretVersionStageInput{SecretId: id, VersionStage: aws.String("blue"), MoveToVersionId: to})
	case "tag":
		_, err = p.UpdateSecret(p.ctx, &sdk.UpdateSecretInput{SecretId: id, Description: text})
	case "policy":
		_, err = p.PutResourcePolicy(p.ctx, &sdk.PutResourcePolicyInput{SecretId: id, ResourcePolicy: aws.String(letRoot)})
	case "replicate":
		_, err = p.ReplicateSecretToRegions(p.ctx, &sdk.ReplicateSecretToRegionsInput{SecretId: id, AddReplicaRegions: there, ForceOverwriteReplicaSecret: force})
	case "remove":
		_, err = p.RemoveRegionsFromReplication(p.ctx, &sdk.RemoveRegionsFromReplicationInput{SecretId: id, RemoveReplicaRegions: []string{other}})
	case "stop":
		_, err = p.StopReplicationToReplica(p.ctx, &sdk.StopReplicationToReplicaInput{SecretId: id})
	case "delete":
		_, err = p.DeleteSecret(p.ctx, &sdk.DeleteSecretInput{SecretId: id, ForceDeleteWithoutRecovery: aws.Bool(true)})
	case "off", "on":
		p.keys.off = force
	case "key":
		_, err = p.UpdateSecret(p.ctx, &sdk.UpdateSecretInput{SecretId: id, KmsKeyId: aws.String(fmt.Sprint("alias/", n))})
	}
	var answer smithy.APIError
	if err != nil && !errors.As(err, &answer) {
		t.Fatal(err)
	}
}

// described is a Region's secret, nil for none.
func (p *place) described(t *rapid.T) *sdk.DescribeSecretOutput {
	out, err := p.DescribeSecret(p.ctx, &sdk.DescribeSecretInput{SecretId: aws.String("app")})
	if err != nil && garrisontest.Fault(err) != lost {
		t.Fatal(err)
	}
	return out
}

// values are all labeled values of a Region's secret.
func (p *place) values(t *rapid.T, d *sdk.DescribeSecretOutput) map[string]string {
	out := map[string]string{}
	for id, labels := range d.VersionIdsToStages {
		v, err := p.GetSecretValue(p.ctx, &sdk.GetSecretValueInput{SecretId: d.ARN, VersionId: &id})
		if err != nil {
			t.Fatalf("%s: version %s of %s, %v: %v", p.name, id, *d.ARN, labels, err)
		}
		for _, label := range labels {
			out[label] = id + " " + *v.SecretString
		}
	}
	return out
}

// check compares each replica with its primary, once everything has come to rest.
func (w *world) check(t *rapid.T) {
	followed := map[string]string{}
	for _, p := range w.places {
		if n, err := p.Leftovers(p.ctx); err != nil || n > 0 {
			t.Fatalf("%s: %d values wait, %v", p.name, n, err)
		}
		d := p.described(t)
		if d == nil {
			continue
		}
		for _, r := range d.ReplicationStatus {
			switch r.Status {
			case types.StatusTypeInProgress:
				t.Fatalf("%s: the replica in %s is still in progress", p.name, *r.Region)
			case types.StatusTypeInSync:
				followed[*r.Region] = p.name
				w.compare(t, p, w.places[*r.Region])
			}
		}
	}
	for _, p := range w.places {
		d := p.described(t)
		if d != nil && d.ReplicationStatus == nil && d.PrimaryRegion != nil && *d.PrimaryRegion != p.name && followed[p.name] != *d.PrimaryRegion {
			t.Fatalf("%s follows %s, which knows %+v", p.name, *d.PrimaryRegion, w.places[*d.PrimaryRegion].described(t))
		}
	}
}

func (w *world) compare(t *rapid.T, primary, replica *place) {
	a, b := primary.described(t), replica.described(t)
	if b == nil || *b.PrimaryRegion != primary.name {
		t.Fatalf("%s has no replica of %s's: %+v", replica.name, primary.name, b)
	}
	if aws.ToString(a.Description) != aws.ToString(b.Description) || *a.Name != *b.Name {
		t.Fatalf("%s is %+v, its primary %+v", replica.name, b, a)
	}
	if x, y := primary.values(t, a), replica.values(t, b); !maps.Equal(x, y) {
		t.Fatalf("%s has %v, its primary in %s %v", replica.name, y, primary.name, x)
	}
}

// TestReplicasConverge has clients of three Regions do what they like, while the
// letters of each pair of Regions come late, in an order that only holds within the
// pair, and keys are off at times. Once all has come, replicas are what their
// primaries are, and the primaries know them.
func TestReplicasConverge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for n := range rapid.IntRange(5, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "turn") {
			case 0, 1:
				w.act(t, n)
			case 2:
				w.deliver(t, rapid.SampledFrom(names).Draw(t, "from"), rapid.SampledFrom(names).Draw(t, "to"))
			case 3:
				w.work(t, w.places[rapid.SampledFrom(names).Draw(t, "worker")])
			}
		}
		w.settle(t)
		for _, p := range w.places {
			p.keys.off = false
		}
		w.clock.Advance(2 * time.Hour)
		w.settle(t)
		w.check(t)
	})
}
