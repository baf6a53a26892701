// Command objects measures S3 against references in the same run: the store's own durable
// writes, a bare net/http handler, and the slower of MD5 and AES-GCM on one core.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/bench/process"
)

const usage = `objects measures S3 against references in the same run: what counts is the ratio.

  go run ./bench/objects                 1 KiB and 64 MiB objects
  go run ./bench/objects -uploads 16     memory while so many uploads of -size run at once
  go run ./bench/objects -list 1000000   a page of so many keys beside one of 10,000

Requests are presigned beforehand, so that the client does little. The data directory is a
temporary one; -dir puts it elsewhere, for instance on a memory file system.

`

type options struct {
	dir     string
	d       time.Duration
	rounds  int
	uploads int
	size    int64
	list    int
}

func main() {
	var o options
	serve := flag.String("bare", "", "internal: serve the reference handler on this `address`")
	flag.StringVar(&o.dir, "dir", "", "`directory` to keep the data in while measuring (default a temporary one)")
	flag.DurationVar(&o.d, "for", 2*time.Second, "how long each measurement takes")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds per measurement; the median counts")
	flag.IntVar(&o.uploads, "uploads", 0, "measure memory under so many uploads instead")
	flag.Int64Var(&o.size, "size", 1<<30, "with -uploads: `bytes` of each")
	flag.IntVar(&o.list, "list", 0, "measure a page of a list of so many keys instead")
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage); flag.PrintDefaults() }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := error(nil)
	if *serve != "" {
		err = serveBare(ctx, *serve)
	} else {
		err = run(ctx, &o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "objects:", err)
		os.Exit(1)
	}
}

// A bench is a server with a bucket.
type bench struct {
	*options
	binary  string
	server  *process.Process
	client  *s3.Client
	presign *s3.PresignClient
	key     string // KMS key's ARN
}

const bucket = "bench"

func run(ctx context.Context, o *options) (err error) {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "garrison-objects-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		o.dir = dir
	}
	b := &bench{options: o}
	if b.binary, err = process.Build(ctx, o.dir); err != nil {
		return err
	}
	data := filepath.Join(o.dir, "data")
	if b.server, err = process.Garrison(ctx, b.binary, data); err != nil {
		return err
	}
	defer b.server.Stop()
	creds, err := process.Credentials(ctx, b.binary, data)
	if err != nil {
		return err
	}
	config := b.server.Config(creds, "us-east-1")
	b.client = s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	b.presign = s3.NewPresignClient(b.client)
	if _, err := b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		return err
	}
	k, err := kms.NewFromConfig(config).CreateKey(ctx, nil)
	if err != nil {
		return err
	}
	b.key = *k.KeyMetadata.Arn
	fmt.Printf("%s %s/%s, %d cores, %s a measurement, median of %d\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.d, o.rounds)
	switch {
	case o.uploads > 0:
		return b.memory(ctx)
	case o.list > 0:
		return b.lists(ctx)
	}
	if err := b.small(ctx); err != nil {
		return err
	}
	return b.large(ctx)
}
