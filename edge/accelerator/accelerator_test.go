package accelerator_test

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge/accelerator"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// local runs balancers by name, healthy ones by value.
type local map[string]*atomic.Bool

func (l local) Handler(arn string, _ uint16) (func(context.Context, net.Conn), bool) {
	healthy := l[arn]
	if healthy == nil {
		return nil, false
	}
	return func(_ context.Context, c net.Conn) { _ = c.Close() }, healthy.Load()
}

func endpoint(id string, weight int) accelerator.Endpoint {
	return accelerator.Endpoint{ID: id, Weight: weight, Address: netip.AddrFrom4([4]byte{10, 0, 0, id[0]})}
}

func running(t *testing.T, affinity string, groups ...accelerator.Group) *accelerator.Accelerator {
	t.Helper()
	a := accelerator.New(clock.System{}, local{})
	t.Cleanup(a.Close)
	publish, err := a.Prepare(t.Context(), &accelerator.Config{ARN: "a", Enabled: true, Listeners: []accelerator.Listener{
		{ARN: "l", Protocol: "UDP", Ports: []accelerator.PortRange{{From: 53, To: 53}}, Affinity: affinity, Groups: groups},
	}})
	if err != nil {
		t.Fatal(err)
	}
	publish()
	return a
}

// spread counts where a thousand clients go, by the endpoint's last byte.
func spread(a *accelerator.Accelerator, oneAddress bool) map[string]int {
	out := map[string]int{}
	at := netip.MustParseAddrPort("127.64.0.1:53")
	for i := range 1000 {
		ip := netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
		if oneAddress {
			ip = netip.MustParseAddr("192.0.2.1")
		}
		to, _ := a.Flow(netip.AddrPortFrom(ip, uint16(1024+i)), at)
		if to.IsValid() {
			b := to.Addr().As4()
			out[string(b[3])]++
		} else {
			out["none"]++
		}
	}
	return out
}

func within(t *testing.T, name string, got map[string]int, want map[string]int) {
	t.Helper()
	for k := range got {
		if want[k] == 0 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for k, n := range want {
		if got[k] < n-80 || got[k] > n+80 {
			t.Errorf("%s: %v, want about %v", name, got, want)
		}
	}
}

func TestWeightsAndDial(t *testing.T) {
	t.Parallel()
	near := accelerator.Group{ARN: "near", Dial: 100, Endpoints: []accelerator.Endpoint{endpoint("a", 192), endpoint("b", 64), endpoint("c", 0)}}
	far := accelerator.Group{ARN: "far", Dial: 100, Endpoints: []accelerator.Endpoint{endpoint("f", 1)}}
	within(t, "weights", spread(running(t, "NONE", near, far), false), map[string]int{"a": 750, "b": 250})
	near.Dial = 30
	within(t, "dial", spread(running(t, "NONE", near, far), false), map[string]int{"a": 225, "b": 75, "f": 700})
	near.Dial = 0
	within(t, "closed", spread(running(t, "NONE", near, far), false), map[string]int{"f": 1000})
	far.Dial = 0
	within(t, "all closed", spread(running(t, "NONE", near, far), false), map[string]int{"none": 1000})
}

func TestAffinity(t *testing.T) {
	t.Parallel()
	g := accelerator.Group{ARN: "g", Dial: 50, Endpoints: []accelerator.Endpoint{endpoint("a", 1), endpoint("b", 1)}}
	h := accelerator.Group{ARN: "h", Dial: 100, Endpoints: []accelerator.Endpoint{endpoint("c", 1), endpoint("d", 1)}}
	if got := spread(running(t, "SOURCE_IP", g, h), true); len(got) != 1 {
		t.Errorf("one address went to %v", got)
	}
	if got := spread(running(t, "NONE", g, h), true); len(got) != 4 {
		t.Errorf("many ports went to %v", got)
	}
}

// TestHealth leaves out an endpoint that does not answer, and uses all when none does.
func TestHealth(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.64.4.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(ln.Addr().(*net.TCPAddr).Port)
	check := target.Check{Protocol: "TCP", Port: port, Interval: 10 * time.Millisecond, Timeout: time.Second, Healthy: 1, Unhealthy: 1}
	g := accelerator.Group{ARN: "g", Dial: 100, Health: check, Endpoints: []accelerator.Endpoint{
		{ID: "up", Weight: 1, Address: netip.MustParseAddr("127.64.4.1")}, {ID: "down", Weight: 1, Address: netip.MustParseAddr("127.64.4.2")},
	}}
	a := running(t, "NONE", g)
	until := func(want int) {
		t.Helper()
		var got map[string]int
		for range 200 {
			if got = spread(a, false); len(got) == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("traffic goes to %v, want %d endpoints", got, want)
	}
	until(1)
	_ = ln.Close()
	until(2)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a := accelerator.New(clock.System{}, local{})
	for name, ports := range map[string][]accelerator.PortRange{
		"twice":    {{From: 80, To: 90}, {From: 85, To: 85}},
		"too many": {{From: 1, To: 65535}},
	} {
		_, err := a.Prepare(t.Context(), &accelerator.Config{Enabled: true, Listeners: []accelerator.Listener{{Protocol: "TCP", Ports: ports}}})
		if err == nil {
			t.Errorf("%s: prepared", name)
		}
	}
	if to, _ := a.Flow(netip.AddrPort{}, netip.MustParseAddrPort("127.0.0.1:1")); to.IsValid() {
		t.Error("an accelerator without a configuration forwards")
	}
}
