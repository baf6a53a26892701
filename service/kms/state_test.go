package kms_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

// A states is a server on which keys come to be in every state: it has an external
// key store, and its other Regions are of processes that do not answer, so that
// what they are told stays under way.
type states struct {
	c     *kms.Client
	proxy *xksproxy.Server
	store string
	keys  int // in the store
}

func newStates(t *testing.T) *states {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "peers.secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 64)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := xksproxy.Start(t, clock.System{}.Now)
	s := garrisontest.Start(t, func(c *server.Config) {
		c.Outside.XKS, c.Regions, c.PeerSecret = p.HTTP, []string{region}, secret
		c.Peers = map[string]string{elsewhere: "http://127.0.0.1:1", third: "http://127.0.0.1:1"}
	})
	c := kms.NewFromConfig(s.Config)
	return &states{c: c, proxy: p, store: connectedExternal(t, c)}
}

// A fixture is one key of a kind and state, and what was made with it before it
// came to be in that state.
type fixture struct {
	c         *kms.Client
	key, peer *types.KeyMetadata
	alias     string
	blob, mac []byte
	signature []byte
	grant     *kms.CreateGrantOutput
	material  *kms.ImportKeyMaterialInput
}

// A kind is what a key is beside its state.
type kind struct {
	usage  types.KeyUsageType
	origin types.OriginType
	multi  bool
	// filled tells that a key whose material is imported gets some.
	filled bool
}

// spec is the key spec that keys of a usage have here.
func (k kind) spec() types.KeySpec {
	switch k.usage {
	case signing, agreement:
		return types.KeySpecEccNistP256
	case macs:
		return types.KeySpecHmac256
	default:
		return types.KeySpecSymmetricDefault
	}
}

// kindFor is the kind of a row's key that can be in the state.
func (r *stateRow) kindFor(state types.KeyState) kind {
	k := kind{usage: r.usage, origin: types.OriginTypeAwsKms, multi: r.needs == relative, filled: r.needs == material}
	switch state {
	case types.KeyStatePendingImport:
		k.origin = types.OriginTypeExternal
	case types.KeyStateUnavailable:
		k.origin, k.multi = types.OriginTypeExternalKeyStore, false
	case types.KeyStatePendingReplicaDeletion, types.KeyStateUpdating:
		k.multi = true
	}
	return k
}

// make makes a key, something of each sort that it can make, and a peer.
func (s *states) make(t *testing.T, k kind) *fixture {
	t.Helper()
	in := &kms.CreateKeyInput{KeySpec: k.spec(), KeyUsage: k.usage, Origin: k.origin, MultiRegion: aws.Bool(k.multi)}
	if k.origin == types.OriginTypeExternalKeyStore {
		s.keys++
		in.CustomKeyStoreId, in.XksKeyId = &s.store, aws.String(fmt.Sprint("key-", s.keys))
		s.proxy.AddKey(*in.XksKeyId)
	}
	f := &fixture{c: s.c, key: create(t, s.c, in), peer: createSpec(t, s.c, k.spec(), k.usage)}
	f.alias = "alias/of-" + *f.key.KeyId
	createAlias(t, s.c, f.alias, f.key)
	f.signature, f.mac = []byte("s"), []byte(strings.Repeat("m", 32))
	if k.origin == types.OriginTypeExternal {
		if !k.filled {
			return f
		}
		f.material = wrapped(t, s.c, f.key, secret())
		importMaterial(t, s.c, f.material)
	}
	f.use(t, k.usage)
	return f
}

func (f *fixture) use(t *testing.T, usage types.KeyUsageType) {
	t.Helper()
	switch usage {
	case signing:
		out, err := f.c.Sign(t.Context(), &kms.SignInput{KeyId: f.key.KeyId, Message: []byte("x"), SigningAlgorithm: "ECDSA_SHA_256"})
		if err != nil {
			t.Fatal(err)
		}
		f.signature = out.Signature
	case macs:
		out, err := f.c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: f.key.KeyId, Message: []byte("x"), MacAlgorithm: "HMAC_SHA_256"})
		if err != nil {
			t.Fatal(err)
		}
		f.mac = out.Mac
	case agreement:
	default:
		f.blob = encrypt(t, f.c, &kms.EncryptInput{KeyId: f.key.KeyId, Plaintext: []byte("x")})
		f.grant = createGrant(t, f.c, grantTo(f.key, "ann", "Decrypt"))
	}
}

// enter brings the key to a state. Unavailable comes to all keys of the store at
// once, and later.
func (f *fixture) enter(t *testing.T, state types.KeyState, k kind) {
	t.Helper()
	if k.multi && state != types.KeyStatePendingDeletion {
		in := &kms.ReplicateKeyInput{KeyId: f.key.KeyId, ReplicaRegion: aws.String(elsewhere)}
		if _, err := f.c.ReplicateKey(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	switch state {
	case types.KeyStateDisabled:
		disable(t, f.c, f.key)
	case types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion:
		schedule(t, f.c, f.key, 7)
	case types.KeyStatePendingImport:
		if k.filled {
			garrisontest.Want(t, stateCalls["DeleteImportedKeyMaterial"](t.Context(), f), "")
		}
	case types.KeyStateUpdating:
		garrisontest.Want(t, stateCalls["UpdatePrimaryRegion"](t.Context(), f), "")
	}
}

func (f *fixture) checkState(t *testing.T, state types.KeyState) {
	t.Helper()
	m := describe(t, f.c, *f.key.KeyId)
	if m.KeyState != state || m.Enabled != (state == types.KeyStateEnabled) || (m.DeletionDate != nil) != (state == types.KeyStatePendingDeletion) {
		t.Errorf("state = %s, enabled %v, deletion %v; want %s", m.KeyState, m.Enabled, m.DeletionDate, state)
	}
}

// answers fails the test unless the operation answers what the table says.
func (f *fixture) answers(t *testing.T, operation string, state types.KeyState, cell string) {
	t.Helper()
	f.checkState(t, state)
	wanted := strings.ReplaceAll(cell, "ARN", *f.key.Arn)
	if got := garrisontest.Fault(stateCalls[operation](t.Context(), f)); got != wanted {
		t.Errorf("%s of a key that is %s: %q, want %q", operation, state, got, wanted)
	}
}

// TestKeyStates holds every operation to AWS's table.
func TestKeyStates(t *testing.T) {
	t.Parallel()
	s := newStates(t)
	made := map[*stateRow][7]*fixture{}
	for i := range stateTable {
		row := &stateTable[i]
		var all [7]*fixture
		for j, state := range keyStates {
			if row.cells[j] == never {
				continue
			}
			k := row.kindFor(state)
			all[j] = s.make(t, k)
			all[j].enter(t, state, k)
		}
		made[row] = all
	}
	disconnectStore(t, s.c, s.store)
	for i := range stateTable {
		row := &stateTable[i]
		for j, f := range made[row] {
			if f != nil {
				f.answers(t, row.operation, keyStates[j], row.cells[j])
			}
		}
	}
}

// TestKeyStatesByOrigin holds the operations that depend on where a key's material
// is from to the table's footnotes.
func TestKeyStatesByOrigin(t *testing.T) {
	t.Parallel()
	s := newStates(t)
	made := map[kind][3]*fixture{}
	for _, row := range originTable {
		k := kind{usage: row.usage, origin: row.origin, filled: true}
		fixtures, ok := made[k]
		for j, cell := range row.cells {
			if !ok {
				fixtures[j] = s.make(t, k)
				fixtures[j].enter(t, keyStates[j], k)
			}
			f := fixtures[j]
			f.answers(t, row.operation, keyStates[j], cell)
			if row.operation == "DeleteImportedKeyMaterial" && cell == works && keyStates[j] == types.KeyStatePendingDeletion {
				f.checkState(t, types.KeyStatePendingDeletion)
			}
		}
		made[k] = fixtures
	}
}

// TestStateTableIsWhole finds every operation that names a key in the table.
func TestStateTableIsWhole(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, row := range stateTable {
		rows[row.operation] = true
	}
	for name := range stateCalls {
		if !rows[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
	for name := range rows {
		if stateCalls[name] == nil {
			t.Errorf("nothing calls %s", name)
		}
	}
}

// TestEnableKeyBringsBack shows that a disabled key loses nothing.
func TestEnableKeyBringsBack(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})
	disable(t, c, k)
	_, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "")
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	if err != nil || string(out.Plaintext) != "kept" {
		t.Errorf("decrypted %v, %v", out, err)
	}
}
