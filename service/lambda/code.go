package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/runtime"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// maxZip is the largest deployment package that is taken (Lambda Developer Guide,
	// "Lambda quotas": 50 MB when uploaded directly).
	maxZip = 50 << 20
	// chunkSize is what of it goes into one row.
	chunkSize = 512 << 10
	// writeTime is how long the rows of a package may lie about before something
	// refers to them.
	writeTime = 15 * time.Minute
)

// A code is a deployment package that has been stored.
type code struct {
	id, sha string
	size    int64
}

// checkZip refuses what is no deployment package, in AWS's words.
func checkZip(b []byte) error {
	if len(b) > maxZip {
		return &types.RequestTooLargeException{Message: new("Zipped size must be smaller than 52428800 bytes")}
	}
	err := runtime.CheckPackage(b)
	if errors.Is(err, runtime.ErrUnzipped) || errors.Is(err, runtime.ErrPackage) {
		return invalid("%s", err.Error())
	}
	return err
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// keepBytes stores bytes in rows. They are waste until refer is called for them.
func (s *Service) keepBytes(ctx context.Context, account string, b []byte) (id string, err error) {
	id = newID()
	due := s.Clock.Now().Add(writeTime)
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		return wastes.Insert(tx, &waste{Account: account, ID: id, Due: due})
	})
	const perTx = 8 // of at most store.MaxTxBytes
	for n := 0; err == nil && n*chunkSize < len(b); n += perTx {
		err = s.DB.Update(ctx, func(tx *store.Tx) error {
			for i := n; i < n+perTx && i*chunkSize < len(b); i++ {
				c := &chunk{Account: account, ID: id, N: i, Data: b[i*chunkSize : min((i+1)*chunkSize, len(b))]}
				if err := chunks.Add(tx, c); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return "", fmt.Errorf("store %d bytes: %w", len(b), err)
	}
	return id, nil
}

// refer keeps bytes from becoming waste. It fails if they have been swept.
func refer(tx *store.Tx, account, id string) error {
	if err := wastes.Delete(tx, account, id); err != nil {
		return fmt.Errorf("keep stored bytes: %w", err)
	}
	return nil
}

// discard makes bytes waste that nothing refers to any more.
func discard(tx *store.Tx, account, id string) error {
	return wastes.Put(tx, &waste{Account: account, ID: id, Due: tx.Now()})
}

// discardCode makes a package waste unless another version is of it.
func discardCode(tx *store.Tx, account, id string) error {
	for _, err := range versions.ScanIndex(tx, "code", store.Range{Prefix: store.K(account, id), Limit: 1}) {
		return err // nil: it is in use
	}
	return discard(tx, account, id)
}

// readBytes returns stored bytes.
func (s *Service) readBytes(ctx context.Context, account, id string) (out []byte, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		out = out[:0]
		for c, err := range chunks.Scan(tx, store.Range{Prefix: store.K(account, id)}) {
			if err != nil {
				return err
			}
			out = append(out, c.Data...)
		}
		return nil
	})
	return out, err
}

// sweep removes the waste that is due, and returns when the next will be.
func (s *Service) sweep(ctx context.Context) (next time.Time, err error) {
	for {
		var w *waste
		err := s.DB.View(ctx, func(tx *store.Tx) error {
			w = nil
			for row, err := range wastes.ScanIndex(tx, "due", store.Range{Limit: 1}) {
				if err != nil {
					return err
				}
				w = row
			}
			return nil
		})
		if err != nil || w == nil {
			return s.Clock.Now().Add(idleWait), err
		}
		if s.Clock.Now().Before(w.Due) {
			return w.Due, nil
		}
		if err := s.remove(ctx, w); err != nil {
			return time.Time{}, err
		}
	}
}

// remove deletes the rows of waste, some at a time.
func (s *Service) remove(ctx context.Context, w *waste) error {
	for done := false; !done; {
		err := s.DB.Update(ctx, func(tx *store.Tx) error {
			rows, err := store.Collect(chunks.Scan(tx, store.Range{Prefix: store.K(w.Account, w.ID), Limit: 64}))
			for _, c := range rows {
				err = errors.Join(err, chunks.Drop(tx, c.Account, c.ID, c.N))
			}
			if done = len(rows) < 64; err != nil || !done {
				return err
			}
			return ifThere(wastes.Delete(tx, w.Account, w.ID))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A source is where a caller says that a deployment package is.
type source struct {
	zip    []byte
	bucket *string
	image  *string
}

// bytes returns the package.
func (g source) bytes() ([]byte, error) {
	switch {
	case g.image != nil:
		return nil, notImplemented("A function of a container image")
	case g.bucket != nil && g.zip != nil:
		return nil, invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case g.bucket != nil:
		return nil, notImplemented("Code from S3")
	case g.zip == nil:
		return nil, invalid("Please provide a source for function code.")
	}
	return g.zip, checkZip(g.zip)
}

// keep stores a deployment package.
func (s *Service) keep(ctx context.Context, account string, zip []byte) (code, error) {
	id, err := s.keepBytes(ctx, account, zip)
	return code{id: id, sha: digest(zip), size: int64(len(zip))}, err
}

// UpdateFunctionCode replaces the code of $LATEST.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeInput) (*lambda.UpdateFunctionCodeOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	zip, err := source{zip: in.ZipFile, bucket: in.S3Bucket, image: in.ImageUri}.bytes()
	if err != nil {
		return nil, err
	}
	kept := code{sha: digest(zip), size: int64(len(zip))}
	if !in.DryRun {
		if kept, err = s.keep(ctx, r.account, zip); err != nil {
			return nil, err
		}
	}
	v, err := s.edit(ctx, change{r, in.RevisionId, in.DryRun}, func(tx *store.Tx, v *version) error {
		old := v.Code
		v.CodeSHA, v.CodeSize = kept.sha, kept.size
		if len(in.Architectures) > 0 {
			v.Arch = string(in.Architectures[0])
		}
		if in.DryRun {
			return nil
		}
		v.Code = kept.id
		if err := versions.Put(tx, v); err != nil { // so that the old code is seen not to be in use
			return err
		}
		return errors.Join(refer(tx, r.account, kept.id), discardCode(tx, r.account, old))
	})
	if err != nil {
		return nil, err
	}
	if in.Publish && !in.DryRun {
		if v, err = s.publish(ctx, r, publication{}); err != nil {
			return nil, err
		}
	}
	out := lambda.UpdateFunctionCodeOutput(*s.output(ctx, v))
	return &out, nil
}
