package ssm_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/service/ssm"
)

// A direct caller is for what no client can see: events, and the time that a call
// takes without the wire.
type direct struct {
	db         *store.DB
	service    *ssm.Service
	clock      *clock.Fake
	operations map[reflect.Type]wire.Operation
	authorizer *authz.Authorizer
	told       *told
}

// told keeps events in a table, so that they are there only with their changes.
type told struct {
	mu   sync.Mutex // guards fail
	fail error
}

type toldRow struct {
	N     int64     `cbor:"1,keyasint"`
	Event ssm.Event `cbor:"2,keyasint"`
}

var toldRows = store.NewTable("test.event", func(r *toldRow) store.Key { return store.K(r.N) })

// Put implements ssm.Events.
func (d *told) Put(tx *store.Tx, e *ssm.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	var n int64
	for row, err := range toldRows.Scan(tx, store.Range{Reverse: true, Limit: 1}) {
		if err != nil {
			return err
		}
		n = row.N + 1
	}
	return toldRows.Insert(tx, &toldRow{N: n, Event: *e})
}

// powerful lets every principal do everything, as far as resources' policies do.
type powerful struct{ policy *iam.Policy }

// Permissions implements authz.Directory.
func (p powerful) Permissions(context.Context, *authz.Principal) (authz.Permissions, error) {
	return authz.Permissions{Identity: []*iam.Policy{p.policy}}, nil
}

func newDirect(t testing.TB, rehearse bool) *direct {
	t.Helper()
	fake := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	// Rehearse shows that what an Update is given may run again.
	db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: fake, Rehearse: rehearse})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	policy, err := iam.Parse(allowing("*", "*"), iam.IdentityPolicy)
	if err != nil {
		t.Fatal(err)
	}
	d := &direct{
		db: db, clock: fake, told: &told{}, operations: map[reflect.Type]wire.Operation{},
		authorizer: authz.New(powerful{policy}, authz.NewCompiler(100)),
	}
	d.service = ssm.New(ssm.Config{DB: db, Clock: fake, Region: region, Events: d.told})
	for _, op := range d.service.Operations() {
		d.operations[op.In] = op
	}
	return d
}

// run does the service's background work until the test ends.
func (d *direct) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
}

// call takes a call of the account's root through target, authorization and handler.
func call[O any](d *direct, in any) (*O, error) {
	op := d.operations[reflect.TypeOf(in).Elem()]
	root := authz.Root(arn.Root(account), account, "AKIAEXAMPLE")
	c := &wire.Call{Facts: authz.Facts{Principal: root, Region: region}, Service: "ssm", Operation: op.Name}
	ctx := wire.WithCall(context.Background(), c)
	target, err := op.Target(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := d.authorizer.Check(ctx, &c.Facts, "ssm:"+op.Name, target); err != nil {
		return nil, err
	}
	out, err := op.Handle(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.(*O), nil
}

func mustCall[O any](t testing.TB, d *direct, in any) *O {
	t.Helper()
	out, err := call[O](d, in)
	if err != nil {
		t.Fatalf("%T: %v", in, err)
	}
	return out
}

// events are what was told so far: the kind and the detail of each.
func (d *direct) events(t *testing.T) []string {
	t.Helper()
	var out []string
	err := d.db.View(t.Context(), func(tx *store.Tx) error {
		out = nil
		for row, err := range toldRows.Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			e := row.Event
			if e.Account != account || e.Region != region || len(e.Resources) != 1 || !strings.HasPrefix(e.Resources[0], arnOf("")) || e.Time.IsZero() {
				t.Errorf("event %+v", e)
			}
			out = append(out, e.DetailType+" "+string(e.Detail))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantEvents waits for events that contain what is wanted, in this order.
func (d *direct) wantEvents(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	if !garrisontest.Eventually(func() bool { got = d.events(t); return len(got) >= len(want) }) || len(got) != len(want) {
		t.Fatalf("events %q, want %d", got, len(want))
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("event %d = %s, want %s", i, got[i], want[i])
		}
	}
}

func TestEventsTellOfEachChange(t *testing.T) {
	t.Parallel()
	d := newDirect(t, true)
	in := &sdk.PutParameterInput{Name: aws.String("/e"), Value: aws.String("hidden"), Type: types.ParameterTypeString, Description: aws.String("ours")}
	mustCall[sdk.PutParameterOutput](t, d, in)
	in.Overwrite = aws.Bool(true)
	mustCall[sdk.PutParameterOutput](t, d, in)
	mustCall[sdk.LabelParameterVersionOutput](t, d, &sdk.LabelParameterVersionInput{Name: in.Name, Labels: []string{"prod"}})
	mustCall[sdk.DeleteParameterOutput](t, d, &sdk.DeleteParameterInput{Name: in.Name})
	const kind = "Parameter Store Change "
	d.wantEvents(
		t,
		kind+`{"operation":"Create","name":"/e","type":"String","description":"ours"}`,
		kind+`{"operation":"Update","name":"/e","type":"String","description":"ours"}`,
		kind+`{"operation":"LabelParameterVersion","name":"/e","type":"String","description":"ours","version":"2","labels":["prod"]}`,
		kind+`{"operation":"Delete","name":"/e","type":"String","description":"ours"}`,
	)
	d.told.fail = errors.New("no room")
	in.Overwrite = nil
	if _, err := call[sdk.PutParameterOutput](d, in); err == nil {
		t.Error("a change without its event was kept")
	}
	d.told.fail = nil
	if _, err := call[sdk.GetParameterOutput](d, &sdk.GetParameterInput{Name: in.Name}); garrisontest.ErrorCode(err) != "ParameterNotFound" {
		t.Errorf("after a change that failed: %v", err)
	}
}

// TestPoliciesAreEnforced moves the time over what a parameter's policies say.
func TestPoliciesAreEnforced(t *testing.T) {
	t.Parallel()
	d := newDirect(t, true)
	d.run(t)
	in := &sdk.PutParameterInput{
		Name: aws.String("/p"), Value: aws.String("x"), Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced,
		Policies: aws.String(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2026-01-12T03:04:05.000Z"}},
			{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"2","Unit":"Days"}},
			{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"36","Unit":"Hours"}}]`),
	}
	mustCall[sdk.PutParameterOutput](t, d, in)
	statuses := func() string {
		var out []string
		for _, p := range mustCall[sdk.DescribeParametersOutput](t, d, &sdk.DescribeParametersInput{}).Parameters[0].Policies {
			out = append(out, *p.PolicyType+" "+*p.PolicyStatus)
		}
		return strings.Join(out, ", ")
	}
	if got := statuses(); got != "Expiration Pending, ExpirationNotification Pending, NoChangeNotification Pending" {
		t.Errorf("policies: %s", got)
	}
	d.clock.Advance(24 * time.Hour)
	in.Overwrite, in.Policies = aws.Bool(true), nil // the wait begins anew
	mustCall[sdk.PutParameterOutput](t, d, in)
	d.clock.Advance(35 * time.Hour)
	d.wantEvents(t, `"Create"`, `"Update"`)
	d.clock.Advance(time.Hour)
	d.wantEvents(t, `"Create"`, `"Update"`, `Parameter Store Policy Action {"parameter-name":"/p","parameter-type":"String","policy-type":"NoChangeNotification"`)
	if got := statuses(); got != "Expiration Pending, ExpirationNotification Pending, NoChangeNotification Finished" {
		t.Errorf("policies: %s", got)
	}
	d.clock.Advance(6 * 24 * time.Hour)
	d.wantEvents(t, `"Create"`, `"Update"`, "NoChange", `"policy-type":"ExpirationNotification"`)
	d.clock.Advance(2 * 24 * time.Hour)
	if _, err := call[sdk.GetParameterOutput](d, &sdk.GetParameterInput{Name: in.Name}); garrisontest.ErrorCode(err) != "ParameterNotFound" {
		t.Errorf("after its end: %v", err)
	}
	d.wantEvents(t, `"Create"`, `"Update"`, "NoChange", "ExpirationNotification", `"policy-type":"Expiration"`, `"Delete"`)
	in.Overwrite = nil
	if out := mustCall[sdk.PutParameterOutput](t, d, in); out.Version != 1 {
		t.Errorf("version of a parameter made anew = %d, want 1", out.Version)
	}
}

// TestExpiredIsGoneBeforeItIsDeleted has no background work.
func TestExpiredIsGoneBeforeItIsDeleted(t *testing.T) {
	t.Parallel()
	d := newDirect(t, true)
	in := &sdk.PutParameterInput{
		Name: aws.String("/p/q"), Value: aws.String("x"), Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced,
		Policies: aws.String(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2026-01-03T00:00:00Z"}}]`),
	}
	mustCall[sdk.PutParameterOutput](t, d, in)
	for range 3 {
		mustCall[sdk.PutParameterOutput](t, d, &sdk.PutParameterInput{Name: in.Name, Value: aws.String("y"), Overwrite: aws.Bool(true)})
	}
	d.clock.Advance(24 * time.Hour)
	if _, err := call[sdk.GetParameterOutput](d, &sdk.GetParameterInput{Name: in.Name}); garrisontest.ErrorCode(err) != "ParameterNotFound" {
		t.Errorf("read: %v", err)
	}
	if out := mustCall[sdk.GetParametersByPathOutput](t, d, &sdk.GetParametersByPathInput{Path: aws.String("/p")}); len(out.Parameters) != 0 {
		t.Errorf("listed: %+v", out)
	}
	if out := mustCall[sdk.DeleteParametersOutput](t, d, &sdk.DeleteParametersInput{Names: []string{"/p/q"}}); len(out.InvalidParameters) != 1 {
		t.Errorf("deleted: %+v", out)
	}
	in.Policies = nil
	if out := mustCall[sdk.PutParameterOutput](t, d, in); out.Version != 1 {
		t.Errorf("version of a parameter made anew = %d, want 1", out.Version)
	}
	d.wantEvents(t, `"Create"`, `"Update"`, `"Update"`, `"Update"`, `"policy-type":"Expiration"`, `"Delete"`, `"Create"`)
	standard, advanced, left := d.service.Count(t.Context(), account)
	if standard != 0 || advanced != 1 || left != 0 {
		t.Errorf("counted %d standard, %d advanced, %d old versions; want 0, 1, 0", standard, advanced, left)
	}
}

// TestManyExpireAtOnce needs several transactions.
func TestManyExpireAtOnce(t *testing.T) {
	t.Parallel()
	d := newDirect(t, false)
	d.run(t)
	const n = 100
	for i := range n {
		mustCall[sdk.PutParameterOutput](t, d, &sdk.PutParameterInput{
			Name: aws.String(fmt.Sprint("/many/", i)), Value: aws.String("x"), Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced,
			Policies: aws.String(`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2026-01-03T00:00:00Z"}}]`),
		})
	}
	d.clock.Advance(24 * time.Hour)
	var advanced int64
	if !garrisontest.Eventually(func() bool { _, advanced, _ = d.service.Count(t.Context(), account); return advanced == 0 }) {
		t.Errorf("%d of %d parameters are left", advanced, n)
	}
	if got := len(d.events(t)); got != 3*n {
		t.Errorf("%d events, want %d", got, 3*n)
	}
}

func TestPolicyRefusals(t *testing.T) {
	t.Parallel()
	d := newDirect(t, false)
	expiration := `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2026-02-02T00:00:00Z"}}`
	unchanged := `{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}`
	for _, tt := range []struct{ policies, want string }{
		{"[]", ""},
		{"[{}]", ""},
		{"[" + expiration + "," + unchanged + "]", ""},
		{"{", "InvalidPolicyAttributeException"},
		{"[1]", "InvalidPolicyAttributeException"},
		{"[" + expiration + "," + expiration + "]", "IncompatiblePolicyException"},
		{`[{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"1","Unit":"Days"}}]`, "IncompatiblePolicyException"},
		{`[{"Type":"Rotation","Version":"1.0","Attributes":{}}]`, "InvalidPolicyTypeException"},
		{`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2025-01-01T00:00:00Z"}}]`, "InvalidPolicyAttributeException"},
		{`[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"soon"}}]`, "InvalidPolicyAttributeException"},
		{`[{"Type":"Expiration","Version":"2.0","Attributes":{"Timestamp":"2026-02-02T00:00:00Z"}}]`, "InvalidPolicyAttributeException"},
		{`[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"0","Unit":"Days"}}]`, "InvalidPolicyAttributeException"},
		{`[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"999999999","Unit":"Days"}}]`, "InvalidPolicyAttributeException"},
		{`[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"1","Unit":"Weeks"}}]`, "InvalidPolicyAttributeException"},
		{"[" + strings.Join(slices.Repeat([]string{unchanged}, 11), ",") + "]", "PoliciesLimitExceededException"},
	} {
		_, err := call[sdk.PutParameterOutput](d, &sdk.PutParameterInput{
			Name: aws.String("/p"), Value: aws.String("x"), Type: types.ParameterTypeString, Tier: types.ParameterTierAdvanced,
			Policies: &tt.policies, Overwrite: aws.Bool(true),
		})
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("%s: error = %q, want %q", tt.policies, got, tt.want)
		}
	}
	// A policy asks for the advanced tier where the tier is to be found.
	out := mustCall[sdk.PutParameterOutput](t, d, &sdk.PutParameterInput{
		Name: aws.String("/q"), Value: aws.String("x"), Type: types.ParameterTypeString, Tier: types.ParameterTierIntelligentTiering, Policies: aws.String("[" + unchanged + "]"),
	})
	if out.Tier != types.ParameterTierAdvanced {
		t.Errorf("tier = %s, want Advanced", out.Tier)
	}
}

// TestQuotas fills the account by its tally.
func TestQuotas(t *testing.T) {
	t.Parallel()
	d := newDirect(t, false)
	if err := d.service.SetTally(t.Context(), account, 10_000, 100_000); err != nil {
		t.Fatal(err)
	}
	for _, tier := range []types.ParameterTier{types.ParameterTierStandard, types.ParameterTierAdvanced, types.ParameterTierIntelligentTiering} {
		_, err := call[sdk.PutParameterOutput](d, &sdk.PutParameterInput{Name: aws.String("/q"), Value: aws.String("x"), Type: types.ParameterTypeString, Tier: tier})
		if got := garrisontest.ErrorCode(err); got != "ParameterLimitExceeded" {
			t.Errorf("one more %s: error = %q, want ParameterLimitExceeded", tier, got)
		}
	}
}
