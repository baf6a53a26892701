package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/bench/process"
)

// The Regions: keys are made in the first, replicas in the second.
const (
	home  = "us-east-1"
	other = "eu-west-1"
)

// A layout is how the two Regions are served.
type layout struct {
	name, title string
	// start starts them; stop, which it returns, ends them.
	start func(ctx context.Context, binary, dir string) (r route, stop func(), err error)
}

func layouts() []layout {
	return []layout{
		{"one", "two Regions in one process", startOne},
		{"two", "a process for each Region", startTwo},
	}
}

func startOne(ctx context.Context, binary, dir string) (route, func(), error) {
	data := filepath.Join(dir, "one")
	p, err := process.Garrison(ctx, binary, data, "--regions", home+","+other)
	if err != nil {
		return route{}, nil, err
	}
	from, err := regional(ctx, p, binary, data, home)
	if err != nil {
		p.Stop()
		return route{}, nil, err
	}
	to, err := regional(ctx, p, binary, data, other)
	if err != nil {
		p.Stop()
		return route{}, nil, err
	}
	return route{from, to}, p.Stop, nil
}

// regional is a client of the account's root in a Region that p serves.
func regional(ctx context.Context, p *process.Process, binary, data, region string) (*kms.Client, error) {
	creds, err := process.Credentials(ctx, binary, data)
	if err != nil {
		return nil, err
	}
	return kms.NewFromConfig(p.Config(creds, region)), nil
}

// startTwo starts two processes that deliver to each other.
func startTwo(ctx context.Context, binary, dir string) (route, func(), error) {
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(rand.Text()+rand.Text()), 0o600); err != nil {
		return route{}, nil, err
	}
	homeAddr, err := process.FreeAddr()
	if err != nil {
		return route{}, nil, err
	}
	otherAddr, err := process.FreeAddr()
	if err != nil {
		return route{}, nil, err
	}
	ends := []end{{home, homeAddr, other, otherAddr}, {other, otherAddr, home, homeAddr}}
	var clients []*kms.Client
	var stops []func()
	stop := func() {
		for _, s := range stops {
			s()
		}
	}
	for _, e := range ends {
		c, p, err := e.start(ctx, binary, dir, secret)
		if err != nil {
			stop()
			return route{}, nil, err
		}
		clients, stops = append(clients, c), append(stops, p.Stop)
	}
	return route{clients[0], clients[1]}, stop, nil
}

// An end is one of two processes: the Region it serves, where it takes deliveries,
// and the same of its peer.
type end struct{ region, addr, peer, peerAddr string }

func (e end) start(ctx context.Context, binary, dir, secret string) (*kms.Client, *process.Process, error) {
	data := filepath.Join(dir, "two-"+e.region)
	p, err := process.Garrison(ctx, binary, data, "--regions", e.region,
		"--peer-listen", e.addr, "--peer", e.peer+"=http://"+e.peerAddr, "--peer-secret", secret)
	if err != nil {
		return nil, nil, err
	}
	c, err := regional(ctx, p, binary, data, e.region)
	if err != nil {
		p.Stop()
	}
	return c, p, err
}
