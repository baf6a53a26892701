package crash_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cloudtrailtypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const away = "eu-west-1"

// A replicated key is what a client knows of a key: that its replica was
// acknowledged, and what was sealed with it.
type replicatedKey struct {
	id       string
	replica  bool
	blobs    [][]byte
	rotation bool // one was acknowledged
}

// TestKillReplication kills a server of two Regions while keys are replicated and
// rotated. Whatever was acknowledged comes about in the other Region, once.
func TestKillReplication(t *testing.T) {
	data, regions := filepath.Join(t.TempDir(), "data"), "--regions=us-east-1,"+away
	h := newHistory(t)
	var all []*replicatedKey
	for i := range max(1, *cycles/2) {
		p := start(t, data, regions)
		r := startReplicators(t, p.config)
		time.Sleep(h.between(100*time.Millisecond, 500*time.Millisecond))
		r.ending.Store(true)
		p.kill(t)
		all = append(all, r.end()...)
		if i%2 == 1 { // and once more while the outbox is being delivered
			p := start(t, data, regions)
			time.Sleep(h.between(0, 20*time.Millisecond))
			p.kill(t)
		}
	}
	p := start(t, data, regions)
	replicas := 0
	for _, k := range all {
		k.check(t, p.config)
		if k.replica {
			replicas++
		}
	}
	p.terminate(t)
	t.Logf("%d keys, %d acknowledged replicas", len(all), replicas)
}

// replicators are clients that replicate keys until the server is gone.
type replicators struct {
	ending  atomic.Bool
	working sync.WaitGroup
	mu      sync.Mutex // guards keys
	keys    []*replicatedKey
}

func startReplicators(t *testing.T, c aws.Config) *replicators {
	r := &replicators{}
	for range 4 {
		r.working.Go(func() {
			client := kms.NewFromConfig(c)
			for {
				k := &replicatedKey{}
				err := k.work(context.WithoutCancel(t.Context()), client)
				if k.id != "" {
					r.mu.Lock()
					r.keys = append(r.keys, k)
					r.mu.Unlock()
				}
				var answer smithy.APIError
				if errors.As(err, &answer) || err != nil && !r.ending.Load() {
					t.Errorf("replicate: %v", err)
				}
				if err != nil {
					return
				}
			}
		})
	}
	return r
}

func (r *replicators) end() []*replicatedKey {
	r.working.Wait()
	return r.keys
}

// work makes a key, replicates it, turns it, and seals something at each step.
func (k *replicatedKey) work(ctx context.Context, c *kms.Client) error {
	out, err := c.CreateKey(ctx, &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
	if err != nil {
		return err
	}
	k.id = *out.KeyMetadata.KeyId
	if err := k.seal(ctx, c); err != nil {
		return err
	}
	if _, err := c.ReplicateKey(ctx, &kms.ReplicateKeyInput{KeyId: &k.id, ReplicaRegion: aws.String(away)}); err != nil {
		return err
	}
	k.replica = true
	if _, err := c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &k.id}); err != nil {
		return err
	}
	k.rotation = true
	return k.seal(ctx, c)
}

func (k *replicatedKey) seal(ctx context.Context, c *kms.Client) error {
	out, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &k.id, Plaintext: []byte(k.id)})
	if err == nil {
		k.blobs = append(k.blobs, out.CiphertextBlob)
	}
	return err
}

// check wants what was acknowledged to be there, or to come, in both Regions.
func (k *replicatedKey) check(t *testing.T, c aws.Config) {
	t.Helper()
	far := c.Copy()
	far.Region = away
	here, there := kms.NewFromConfig(c), kms.NewFromConfig(far)
	clients := []*kms.Client{here}
	if k.replica {
		clients = append(clients, there)
	}
	var err error
	if !garrisontest.Eventually(func() bool { err = k.settled(t.Context(), clients); return err == nil }) {
		t.Errorf("key %s: %v", k.id, err)
		return
	}
	for _, blob := range k.blobs {
		for _, client := range clients {
			out, err := client.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
			if err != nil || string(out.Plaintext) != k.id {
				t.Errorf("key %s in %s: decrypted %v, %v", k.id, client.Options().Region, out, err)
			}
		}
	}
	if k.replica {
		k.once(t, far)
	}
}

// settled tells what is still under way: relatives have one material, and the
// rotation has ended.
func (k *replicatedKey) settled(ctx context.Context, clients []*kms.Client) error {
	current := ""
	for _, c := range clients {
		d, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &k.id})
		if err != nil {
			return err
		}
		rotations, err := c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: &k.id})
		if err != nil {
			return err
		}
		if n := len(rotations.Rotations); k.rotation && n != 1 {
			return fmt.Errorf("%d rotations in %s, want 1", n, c.Options().Region)
		}
		if id := *d.KeyMetadata.CurrentKeyMaterialId; current != "" && id != current {
			return fmt.Errorf("material %s in %s, want %s", id, c.Options().Region, current)
		}
		current = *d.KeyMetadata.CurrentKeyMaterialId
	}
	return nil
}

// once wants one event of the replica's making.
func (k *replicatedKey) once(t *testing.T, c aws.Config) {
	t.Helper()
	out, err := cloudtrail.NewFromConfig(c).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []cloudtrailtypes.LookupAttribute{{AttributeKey: cloudtrailtypes.LookupAttributeKeyResourceName, AttributeValue: &k.id}},
	})
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, e := range out.Events {
		if *e.EventName == "CreateKey" {
			made++
		}
	}
	if made != 1 {
		t.Errorf("replica %s was made %d times, want once", k.id, made)
	}
}
