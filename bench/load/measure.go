package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/bench/process"
)

// A bench is Garrison and the reference side by side.
type bench struct {
	options
	out          io.Writer
	server, bare *process.Process
	creds        aws.Credentials
}

const (
	heading = "%-32s %4s %9s %9s %6s %4s %9s %9s %9s %7s %7s %5s\n"
	line    = "%-32s %4d %9.0f %9.0f %6.2f %4s %9s %9s %9s %7s %7s %5d\n"
)

// measureOperations prints a table of the chosen operations.
func measureOperations(ctx context.Context, binary string, o options) error {
	ops, err := chosen(o.ops)
	if err != nil {
		return err
	}
	data := filepath.Join(o.dir, "data")
	server, err := process.Garrison(ctx, binary, data)
	if err != nil {
		return err
	}
	defer server.Stop()
	creds, err := process.Credentials(ctx, binary, data)
	if err != nil {
		return err
	}
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer bare.Stop()
	b := bench{options: o, out: os.Stdout, server: server, bare: bare, creds: creds}
	return b.table(ctx, ops)
}

func startBare(ctx context.Context) (*process.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := process.FreeAddr()
	if err != nil {
		return nil, err
	}
	return process.Start(ctx, addr, self, "-bare", addr)
}

// table measures operations one after the other, each at every concurrency. What
// is below its aim is named at the end.
func (b bench) table(ctx context.Context, ops []operation) error {
	say(b.out, heading, "operation", "n", "req/s", "reference", "ratio", "aim", "p50", "p99", "ref p50", "cpu", "ref cpu", "MiB")
	var below []string
	for _, op := range ops {
		for _, n := range b.callers {
			if op.alone != 0 {
				n = op.alone
			}
			ratio, err := b.measure(ctx, op, n)
			if err != nil {
				return err
			}
			if ratio < op.aim {
				below = append(below, fmt.Sprintf("%s at %d: %.2f", op.name, n, ratio))
			}
			if op.alone != 0 {
				break
			}
		}
	}
	if len(below) > 0 {
		say(b.out, "\nbelow the aim: %s\n", strings.Join(below, "; "))
	}
	return nil
}

// measure compares one operation with its reference and prints a line.
func (b bench) measure(ctx context.Context, op operation, n int) (float64, error) {
	ours, err := b.client(ctx, op)
	if err != nil {
		return 0, err
	}
	defer ours.close()
	theirs, err := b.reference(ctx, ours)
	if err != nil {
		return 0, err
	}
	defer theirs.close()
	rounds := make([]duel, b.rounds)
	for i := range rounds {
		if rounds[i].ours, err = measured(ctx, ours, b.server, n, b.duration); err != nil {
			return 0, err
		}
		if rounds[i].theirs, err = b.other(ctx, theirs, n); err != nil {
			return 0, err
		}
		rounds[i].ratio = rounds[i].ours.rate / rounds[i].theirs.rate
	}
	d := middle(rounds)
	say(b.out, line, op.name, n, d.ours.rate, d.theirs.rate, d.ratio, aim(op.aim),
		round(d.ours.p50), round(d.ours.p99), round(d.theirs.p50), round(d.ours.cpu), round(d.theirs.cpu), d.ours.rss)
	return d.ratio, nil
}

// other measures what the operation is compared with.
func (b bench) other(ctx context.Context, theirs *client, n int) (result, error) {
	if rows := theirs.op.rows; rows != nil {
		return storePuts(ctx, filepath.Join(b.dir, "puts"), n, b.duration, rows)
	}
	return measured(ctx, theirs, b.bare, n, b.duration)
}

func aim(ratio float64) string {
	if ratio == 0 {
		return ""
	}
	return strconv.FormatFloat(ratio, 'f', 1, 64)
}

// client makes the key that the operation works with, and its request.
func (b bench) client(ctx context.Context, op operation) (*client, error) {
	s, err := newSubject(ctx, kms.NewFromConfig(b.server.Config(b.creds, home)), op)
	if err != nil {
		return nil, err
	}
	r, err := prepare(ctx, op, s)
	if err != nil {
		return nil, err
	}
	return newClient(b.server.URL, b.creds, op, r), nil
}

// reference sends the same requests to the reference, which answers as much.
func (b bench) reference(ctx context.Context, ours *client) (*client, error) {
	answer, err := ours.send(ctx, v4.NewSigner())
	if err != nil {
		return nil, err
	}
	url := b.bare.URL + "/" + ours.op.bare + "?n=" + strconv.Itoa(len(answer))
	return newClient(url, b.creds, ours.op, ours.requests...), nil
}
