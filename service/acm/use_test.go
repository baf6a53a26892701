package acm_test

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/service/acm"
	"github.com/garrison-cloud/garrison/service/acmpca"
)

// files are what is on web servers.
type files struct {
	mu sync.Mutex // guards at
	at map[string]string
}

// Fetch implements acm.Fetcher.
func (f *files) Fetch(_ context.Context, url string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text, ok := f.at[url]; ok {
		return []byte(text), nil
	}
	return nil, errors.New("404")
}

func (f *files) put(url, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at[url] = text
}

// told are the events of a service.
type told struct {
	mu   sync.Mutex // guards list
	list []acm.Event
}

// Put implements acm.Events.
func (e *told) Put(_ *store.Tx, one *acm.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, *one)
	return nil
}

func (e *told) count(kind string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.list {
		if one.DetailType == kind {
			n++
		}
	}
	return n
}

// A rig is a service by itself.
type rig struct {
	*acm.Service
	clock  *clock.Fake
	files  *files
	events *told
	ctx    context.Context // of a call
}

func newRig(t *testing.T) *rig {
	t.Helper()
	engine, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	fake := clock.NewFake(clock.System{}.Now())
	db, err := store.Open(engine, store.Options{Root: store.MemoryRoot(), Clock: fake, Name: "acm"})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := func() string { return "http://127.0.0.1:4566" }
	quiet := slog.New(slog.DiscardHandler)
	signing := acmpca.New(acmpca.Config{DB: db, Clock: fake, Region: garrisontest.Region, Endpoint: endpoint, Logger: quiet})
	r := &rig{clock: fake, files: &files{at: map[string]string{}}, events: &told{}}
	r.Service = acm.New(acm.Config{
		DB: db, Clock: fake, Region: garrisontest.Region, Fetcher: r.files, Public: signing, Events: r.events, Endpoint: endpoint, Logger: quiet,
	})
	call := &wire.Call{Facts: authz.Facts{Principal: &authz.Principal{Principal: iam.Principal{Account: garrisontest.Account}}}}
	r.ctx = wire.WithCall(t.Context(), call)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

func (r *rig) describe(t *testing.T, arn *string) *types.CertificateDetail {
	t.Helper()
	out, err := r.DescribeCertificate(r.ctx, &sdk.DescribeCertificateInput{CertificateArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	return out.Certificate
}

// issued requests a certificate, proves its name by a file, and waits for it.
func (r *rig) issued(t *testing.T) *string {
	t.Helper()
	made, err := r.RequestCertificate(r.ctx, &sdk.RequestCertificateInput{
		DomainName: aws.String("www.example.com"), ValidationMethod: types.ValidationMethodHttp, KeyAlgorithm: types.KeyAlgorithmEcPrime256v1,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.KeyPair(t.Context(), *made.CertificateArn)
	garrisontest.Want(t, err, "RequestInProgressException: ")
	redirect := r.describe(t, made.CertificateArn).DomainValidationOptions[0].HttpRedirect
	r.files.put(*redirect.RedirectFrom, *redirect.RedirectTo+"\n")
	if !garrisontest.Eventually(func() bool {
		r.clock.Advance(time.Second)
		return r.describe(t, made.CertificateArn).Status == types.CertificateStatusIssued
	}) {
		t.Fatal("it was not issued")
	}
	return made.CertificateArn
}

// TestUse serves by a certificate, which can then not be deleted, is renewed, and says
// so to who serves by it.
func TestUse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	arn := r.issued(t)
	const by = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/web/1"
	if err := r.Use(t.Context(), *arn, by); err != nil {
		t.Fatal(err)
	}
	if d := r.describe(t, arn); len(d.InUseBy) != 1 || d.InUseBy[0] != by || d.RenewalEligibility != types.RenewalEligibilityEligible {
		t.Errorf("in use by %v, %s", d.InUseBy, d.RenewalEligibility)
	}
	_, err := r.DeleteCertificate(r.ctx, &sdk.DeleteCertificateInput{CertificateArn: arn})
	garrisontest.Want(t, err, "ResourceInUseException: ")
	first, err := r.KeyPair(t.Context(), *arn)
	if err != nil || len(first.Certificate) != 3 {
		t.Fatalf("key pair: %v, %d certificates", err, len(first.Certificate))
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for i, pool := range []*x509.CertPool{between, roots} {
		c, err := x509.ParseCertificate(first.Certificate[i+1])
		if err != nil {
			t.Fatal(err)
		}
		pool.AddCert(c)
	}
	if _, err := first.Leaf.Verify(x509.VerifyOptions{DNSName: "www.example.com", Roots: roots, Intermediates: between, CurrentTime: r.clock.Now()}); err != nil {
		t.Errorf("verify: %v", err)
	}
	changed := r.Changed()
	r.clock.Advance(139 * day)
	<-changed
	second, err := r.KeyPair(t.Context(), *arn)
	if err != nil || second.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 {
		t.Errorf("after the renewal: %v, the same certificate", err)
	}
	if err := r.Release(t.Context(), *arn, by); err != nil {
		t.Fatal(err)
	}
	_, err = r.DeleteCertificate(r.ctx, &sdk.DeleteCertificateInput{CertificateArn: arn})
	garrisontest.Want(t, err, "")
}

// TestEndIsToldOf sees an event a day before the end of what is not renewed, and one at
// the end.
func TestEndIsToldOf(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	arn := r.issued(t)
	const approaching = "ACM Certificate Approaching Expiration"
	_, err := r.PutAccountConfiguration(r.ctx, &sdk.PutAccountConfigurationInput{
		IdempotencyToken: aws.String("a"), ExpiryEvents: &types.ExpiryEventsConfiguration{DaysBeforeExpiry: aws.Int32(3)},
	})
	garrisontest.Want(t, err, "")
	end := *r.describe(t, arn).NotAfter
	r.clock.Advance(end.Add(-72*time.Hour - time.Minute).Sub(r.clock.Now()))
	for want := range 4 {
		if !garrisontest.Eventually(func() bool { return r.events.count(approaching) == want }) {
			t.Fatalf("%d events, want %d", r.events.count(approaching), want)
		}
		r.clock.Advance(day - time.Minute)
		if want == 0 {
			r.clock.Advance(2*time.Minute - day)
		}
		if want > 0 {
			r.clock.Advance(time.Minute)
		}
	}
	if !garrisontest.Eventually(func() bool { return r.events.count("ACM Certificate Expired") == 1 }) {
		t.Error("the end was not told of")
	}
}
