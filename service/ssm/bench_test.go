package ssm_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"
)

// The benchmarks measure target, authorization and handler: all of a call but
// the wire, the signature and the event.

// fill makes n parameters, a hundred in each hierarchy.
func fill(b *testing.B, d *direct, n int) {
	b.Helper()
	const batch = 2000
	for from := 0; from < n; from += batch {
		names := make([]string, 0, batch)
		for i := from; i < min(n, from+batch); i++ {
			names = append(names, fmt.Sprintf("/app/%06d/p%02d", i/100, i%100))
		}
		if err := d.service.Fill(context.Background(), account, names); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetParameter(b *testing.B) {
	d := newDirect(b, false)
	fill(b, d, 1000)
	in := &sdk.GetParameterInput{Name: aws.String("/app/000005/p50")}
	b.ReportAllocs()
	for b.Loop() {
		mustCall[sdk.GetParameterOutput](b, d, in)
	}
}

// BenchmarkByPath reads a page of ten, of trees of both sizes: of one level, of
// all below it, and of a level whose parameters lie between large trees.
func BenchmarkByPath(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		d := newDirect(b, false)
		fill(b, d, n)
		names := make([]string, 0, 10)
		for i := range 10 {
			names = append(names, fmt.Sprintf("/app/%06dx", i*n/1000))
		}
		if err := d.service.Fill(context.Background(), account, names); err != nil {
			b.Fatal(err)
		}
		for about, in := range map[string]*sdk.GetParametersByPathInput{
			"level":     {Path: aws.String("/app/000005")},
			"recursive": {Path: aws.String("/app"), Recursive: aws.Bool(true)},
			"between":   {Path: aws.String("/app")},
		} {
			b.Run(fmt.Sprint(about, "/", n), func(b *testing.B) {
				for b.Loop() {
					if out := mustCall[sdk.GetParametersByPathOutput](b, d, in); len(out.Parameters) != 10 {
						b.Fatalf("%d parameters", len(out.Parameters))
					}
				}
			})
		}
	}
}
