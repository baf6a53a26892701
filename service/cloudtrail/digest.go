package cloudtrail

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	digestEvery = time.Hour
	// maxDigests is how many hours are caught up with one by one; the first of them
	// takes in all that is older.
	maxDigests = 24
	algorithm  = "SHA256withRSA"
)

// A digestFile is the content of a digest (CloudTrail User Guide, "CloudTrail digest
// file structure").
type digestFile struct {
	Account       string        `json:"awsAccountId"`
	Start         string        `json:"digestStartTime"`
	End           string        `json:"digestEndTime"`
	Bucket        string        `json:"digestS3Bucket"`
	Object        string        `json:"digestS3Object"`
	Fingerprint   string        `json:"digestPublicKeyFingerprint"`
	Algorithm     string        `json:"digestSignatureAlgorithm"`
	Newest        *string       `json:"newestEventTime"`
	Oldest        *string       `json:"oldestEventTime"`
	PrevBucket    *string       `json:"previousDigestS3Bucket"`
	PrevObject    *string       `json:"previousDigestS3Object"`
	PrevHash      *string       `json:"previousDigestHashValue"`
	PrevAlgorithm *string       `json:"previousDigestHashAlgorithm"`
	PrevSignature *string       `json:"previousDigestSignature"`
	Files         []digestEntry `json:"logFiles"`
}

type digestEntry struct {
	Bucket    string `json:"s3Bucket"`
	Object    string `json:"s3Object"`
	Hash      string `json:"hashValue"`
	Algorithm string `json:"hashAlgorithm"`
	Newest    string `json:"newestEventTime"`
	Oldest    string `json:"oldestEventTime"`
}

// digest writes the digests that are due, and returns when the next will be; zero says
// that none is planned. One that can't be delivered is tried again with the next files.
func (s *Service) digest(ctx context.Context, t *trail) (time.Time, error) {
	p, err := s.progress(ctx, t)
	if err != nil {
		return time.Time{}, err
	}
	if t.Chain.IsZero() {
		return time.Time{}, s.unchain(ctx, t, p)
	}
	if !p.DigestChain.Equal(t.Chain) { // a new chain begins, with no digest before it
		p.DigestChain, p.DigestEnd, p.Last = t.Chain, t.Chain, digestRef{}
	}
	now := s.Clock.Now()
	for now.Sub(p.DigestEnd) >= digestEvery {
		end := p.DigestEnd.Add(digestEvery)
		if behind := now.Sub(p.DigestEnd) / digestEvery; behind > maxDigests {
			end = p.DigestEnd.Add((behind - maxDigests) * digestEvery)
		}
		if err := s.writeDigest(ctx, t, p, end); err != nil {
			failed := s.note(ctx, t, func(p *progress) { p.DigestErr = codeOf(err) })
			return now.Add(deliverEvery), failed
		}
	}
	return p.DigestEnd.Add(digestEvery), nil
}

// unchain forgets what no digest will name.
func (s *Service) unchain(ctx context.Context, t *trail, p *progress) error {
	if p.DigestChain.IsZero() {
		return nil
	}
	files, err := s.files(ctx, t, time.Time{})
	if err != nil {
		return err
	}
	return s.forget(ctx, t, files, func(p *progress) { p.DigestChain, p.DigestEnd, p.Last = time.Time{}, time.Time{}, digestRef{} })
}

// files are the trail's files that no digest names yet, delivered before end.
func (s *Service) files(ctx context.Context, t *trail, end time.Time) (list []*logFile, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		list = nil
		for f, err := range logFiles.Scan(tx, store.Range{Prefix: store.K(t.arn())}) {
			if err != nil {
				return err
			}
			if !end.IsZero() && !f.At.Before(end) {
				return nil
			}
			list = append(list, f)
		}
		return nil
	})
	return list, err
}

// forget deletes files that a digest names, with the progress that says so.
func (s *Service) forget(ctx context.Context, t *trail, files []*logFile, what func(*progress)) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		for _, f := range files {
			if err := logFiles.Drop(tx, f.Trail, f.At, f.Object); err != nil {
				return err
			}
		}
		p, err := progressIn(tx, t)
		if err != nil {
			return err
		}
		what(p)
		return progresses.Put(tx, p)
	})
}

// writeDigest delivers the digest that ends at end, and moves p on.
func (s *Service) writeDigest(ctx context.Context, t *trail, p *progress, end time.Time) error {
	key, err := s.signer(ctx)
	if err != nil {
		return err
	}
	files, err := s.files(ctx, t, end)
	if err != nil {
		return err
	}
	d := s.newDigest(t, p, end)
	d.Fingerprint = key.Fingerprint
	d.list(files)
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode a digest of %s: %w", t.arn(), err)
	}
	signature, err := key.sign(d, hexSum(body))
	if err != nil {
		return err
	}
	err = s.put(ctx, t, &s3.PutObjectInput{
		Key: &d.Object, Metadata: map[string]string{"signature": signature, "signature-algorithm": algorithm},
	}, body)
	if err != nil {
		return err
	}
	p.DigestEnd, p.Last = end, digestRef{d.Bucket, d.Object, hexSum(body), signature}
	chain, last := p.DigestChain, p.Last
	return s.forget(ctx, t, files, func(p *progress) {
		p.DigestChain, p.DigestEnd, p.Last, p.Digested, p.DigestErr = chain, end, last, s.Clock.Now(), ""
	})
}

func (s *Service) newDigest(t *trail, p *progress, end time.Time) *digestFile {
	d := &digestFile{
		Account: t.Account, Start: stamp(p.DigestEnd), End: stamp(end), Bucket: t.Bucket, Algorithm: algorithm, Files: []digestEntry{},
		Object: t.folder("CloudTrail-Digest") + s.Region + end.UTC().Format("/2006/01/02/") + t.Account + "_CloudTrail-Digest_" +
			s.Region + "_" + t.Name + "_" + t.Region + end.UTC().Format("_20060102T150405Z") + ".json.gz",
	}
	if last := p.Last; last.Object != "" {
		d.PrevBucket, d.PrevObject, d.PrevHash, d.PrevSignature = &last.Bucket, &last.Object, &last.Hash, &last.Signature
		d.PrevAlgorithm = aws.String("SHA-256")
	}
	return d
}

func (d *digestFile) list(files []*logFile) {
	var oldest, newest time.Time
	for _, f := range files {
		d.Files = append(d.Files, digestEntry{f.Bucket, f.Object, f.Hash, "SHA-256", stamp(f.Newest), stamp(f.Oldest)})
		if oldest.IsZero() || f.Oldest.Before(oldest) {
			oldest = f.Oldest
		}
		if f.Newest.After(newest) {
			newest = f.Newest
		}
	}
	if len(files) > 0 {
		d.Oldest, d.Newest = aws.String(stamp(oldest)), aws.String(stamp(newest))
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sign signs what identifies a digest (CloudTrail User Guide, "Custom implementations
// of CloudTrail log file integrity validation").
func (k *signingKey) sign(d *digestFile, hash string) (string, error) {
	key, err := x509.ParsePKCS1PrivateKey(k.Private)
	if err != nil {
		return "", fmt.Errorf("parse the signing key %s: %w", k.Fingerprint, err)
	}
	previous := "null"
	if d.PrevSignature != nil {
		previous = *d.PrevSignature
	}
	sum := sha256.Sum256([]byte(d.End + "\n" + d.Bucket + "/" + d.Object + "\n" + hash + "\n" + previous))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign a digest by %s: %w", k.Fingerprint, err)
	}
	return hex.EncodeToString(signature), nil
}
