package main

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestReplicas replicates a few keys between two Regions of a server in this
// process.
func TestReplicas(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	r := route{
		kms.NewFromConfig(srv.ConfigFor(garrisontest.Account, home)),
		kms.NewFromConfig(srv.ConfigFor(garrisontest.Account, other)),
	}
	all, err := r.replicas(t.Context(), options{n: 6, callers: 1, poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range all {
		if m.call <= 0 || m.after <= 0 {
			t.Errorf("replica %d took %+v", i, m)
		}
	}
	if got := line("a title", all); !strings.HasPrefix(got, "a title") {
		t.Errorf("line = %q", got)
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var d []time.Duration
	for i := range 200 {
		d = append(d, time.Duration(200-i))
	}
	if p50, p99 := percentiles(d); p50 != 100 || p99 != 198 {
		t.Errorf("p50, p99 = %d, %d, want 100, 198", p50, p99)
	}
	if p50, p99 := percentiles(d[:1]); p50 != 200 || p99 != 200 {
		t.Errorf("of one: p50, p99 = %d, %d, want 200, 200", p50, p99)
	}
}
