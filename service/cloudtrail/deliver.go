package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/store"
)

// CloudTrail delivers about every five minutes, and sooner when a file is full
// (CloudTrail User Guide, "How CloudTrail works").
const (
	deliverEvery = 5 * time.Minute
	fullFile     = 5 << 20 // bytes of JSON
)

// kept wakes delivery when trails have changed, or when a file is full.
func (s *Service) kept(bytes int) {
	if bytes == 0 {
		s.changed.Store(true)
	} else if s.backlog.Add(int64(bytes)) < fullFile {
		return
	}
	s.worker.Wake()
}

// deliver does what is due for every trail that this Region sees. What fails is noted
// for GetTrailStatus and tried again the next time.
func (s *Service) deliver(ctx context.Context) (time.Time, error) {
	now := s.Clock.Now()
	full := s.backlog.Load() >= fullFile
	changed := s.changed.Swap(false)
	if !changed && !full && now.Before(s.next) {
		return s.next, nil
	}
	s.backlog.Store(0)
	list, err := s.seen(ctx)
	if err != nil {
		return now, err
	}
	if changed {
		if err := s.discard(ctx, list); err != nil {
			return now, err
		}
	}
	if s.idle { // what waits for a new trail has just begun to wait
		s.next = now.Add(deliverEvery)
	}
	if s.idle = len(list) == 0; s.idle {
		return time.Time{}, nil
	}
	due := full || !now.Before(s.next)
	if due {
		s.next = now.Add(deliverEvery)
	}
	wake := s.next
	for _, t := range list {
		next, err := s.serve(ctx, t, due)
		if err != nil {
			return now, err
		}
		if !next.IsZero() && next.Before(wake) {
			wake = next
		}
	}
	s.next = wake
	return wake, nil
}

// serve delivers one trail's files if they are due, and its digest if that is. It
// returns when the next digest is due, zero for never.
func (s *Service) serve(ctx context.Context, t *trail, due bool) (time.Time, error) {
	if due {
		if err := s.ship(ctx, t); err != nil {
			return time.Time{}, err
		}
		if err := s.sendLogs(ctx, t); err != nil {
			return time.Time{}, err
		}
	}
	return s.digest(ctx, t)
}

// seen are the trails that take this Region's events, whether they log now or not.
func (s *Service) seen(ctx context.Context) (out []*trail, err error) {
	err = s.Shared.View(ctx, func(tx *store.Tx) error {
		out = nil
		for t, err := range trails.Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			if t.covers(s.Region) {
				out = append(out, t)
			}
		}
		return nil
	})
	return out, err
}

// discard drops what waits for trails that are no more.
func (s *Service) discard(ctx context.Context, list []*trail) error {
	known := map[string]bool{}
	for _, t := range list {
		known[t.arn()] = true
		known[toLogs(t.arn())] = t.LogGroup != ""
	}
	for _, l := range s.Logs {
		if err := l.Discard(ctx, s.Region, func(to string) bool { return !known[to] }); err != nil {
			return err
		}
	}
	return nil
}

// A batch is what one file holds.
type batch struct {
	parcels        [][]*audit.Parcel // by log
	events         [][]byte
	oldest, newest time.Time
	size           int
}

// collect gathers what waits for a receiver, up to a full file.
func (s *Service) collect(ctx context.Context, to string) (*batch, error) {
	b := &batch{}
	for _, l := range s.Logs {
		list, err := l.Waiting(ctx, s.Region, to, fullFile-b.size)
		if err != nil {
			return nil, err
		}
		b.parcels = append(b.parcels, list)
		for _, p := range list {
			if err := b.add(p); err != nil {
				return nil, err
			}
		}
		if b.size >= fullFile {
			break
		}
	}
	return b, nil
}

func (b *batch) add(p *audit.Parcel) error {
	events, err := p.Events()
	if err != nil {
		return err
	}
	b.events = append(b.events, events...)
	b.size += p.Size
	if b.oldest.IsZero() || p.First.Before(b.oldest) {
		b.oldest = p.First
	}
	if p.Last.After(b.newest) {
		b.newest = p.Last
	}
	return nil
}

// done deletes what was delivered.
func (s *Service) done(ctx context.Context, b *batch) error {
	for i, list := range b.parcels {
		if err := s.Logs[i].Delivered(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// ship delivers log files until nothing waits. A file is noted before its events are
// forgotten: after a crash between the two they come again, in another file.
func (s *Service) ship(ctx context.Context, t *trail) error {
	var names []string
	for {
		b, err := s.collect(ctx, t.arn())
		if err != nil {
			return err
		}
		if len(b.events) == 0 {
			return s.notify(ctx, t, names)
		}
		f := &logFile{Trail: t.arn(), At: s.Clock.Now(), Bucket: t.Bucket, Oldest: b.oldest, Newest: b.newest}
		f.Object = t.folder("CloudTrail") + s.Region + f.At.Format("/2006/01/02/") +
			t.Account + "_CloudTrail_" + s.Region + f.At.Format("_20060102T1504Z_") + unique() + ".json.gz"
		body := recordsFile(b.events)
		f.Hash = hexSum(body)
		if err := s.put(ctx, t, &s3.PutObjectInput{Key: &f.Object}, body); err != nil {
			return errors.Join(s.note(ctx, t, func(p *progress) { p.DeliverErr = codeOf(err) }), s.notify(ctx, t, names))
		}
		if err := s.shipped(ctx, t, f); err != nil {
			return err
		}
		if err := s.done(ctx, b); err != nil {
			return err
		}
		names = append(names, f.Object)
	}
}

// shipped notes a file that the bucket has.
func (s *Service) shipped(ctx context.Context, t *trail, f *logFile) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		p, err := progressIn(tx, t)
		if err != nil {
			return err
		}
		p.Delivered, p.DeliverErr = f.At, ""
		if !t.Chain.IsZero() {
			if err := logFiles.Put(tx, f); err != nil {
				return err
			}
		}
		return progresses.Put(tx, p)
	})
}

// notify tells the trail's topic of new files (CloudTrail User Guide, "Configuring
// Amazon SNS notifications for CloudTrail").
func (s *Service) notify(ctx context.Context, t *trail, names []string) error {
	if t.Topic == "" || len(names) == 0 {
		return nil
	}
	message, err := json.Marshal(struct {
		Bucket string   `json:"s3Bucket"`
		Keys   []string `json:"s3ObjectKey"`
	}{t.Bucket, names})
	if err != nil {
		return fmt.Errorf("encode the notification of %s: %w", t.arn(), err)
	}
	err = s.Destinations.Publish(ctx, t.sender(topicRegion(t)), &sns.PublishInput{TopicArn: &t.Topic, Message: aws.String(string(message))})
	return s.note(ctx, t, func(p *progress) {
		if p.NotifyErr = codeOf(err); err == nil {
			p.Notified = s.Clock.Now()
		}
	})
}

// put writes an object of the trail: compressed, unless it is empty, and as the trail
// wants it encrypted.
func (s *Service) put(ctx context.Context, t *trail, in *s3.PutObjectInput, body []byte) error {
	if body != nil {
		body = compressed(body)
		in.ContentType, in.ContentEncoding = aws.String("application/json"), aws.String("gzip")
	}
	in.Bucket, in.Body, in.ContentLength = &t.Bucket, bytes.NewReader(body), aws.Int64(int64(len(body)))
	in.ACL = s3types.ObjectCannedACLBucketOwnerFullControl
	in.ServerSideEncryption = s3types.ServerSideEncryptionAes256
	if t.Key != "" {
		text, err := json.Marshal(encryptionContext(t))
		if err != nil {
			return fmt.Errorf("encode the encryption context of %s: %w", t.arn(), err)
		}
		in.ServerSideEncryption, in.SSEKMSKeyId = s3types.ServerSideEncryptionAwsKms, &t.Key
		in.SSEKMSEncryptionContext = aws.String(base64.StdEncoding.EncodeToString(text))
	}
	return s.Destinations.PutObject(ctx, t.sender(s.Region), in)
}

// folder is where the trail's objects of one kind lie in its bucket.
func (t *trail) folder(kind string) string {
	prefix := t.Prefix
	if prefix != "" {
		prefix += "/"
	}
	return prefix + "AWSLogs/" + t.Account + "/" + kind + "/"
}

func recordsFile(events [][]byte) []byte {
	out := append([]byte(`{"Records":[`), bytes.Join(events, []byte(","))...)
	return append(out, "]}"...)
}

func compressed(plain []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(plain) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// unique tells files of one minute apart: 16 letters and digits, as in AWS's names.
func unique() string { return rand.Text()[:16] }

func progressIn(tx *store.Tx, t *trail) (*progress, error) {
	p, err := progresses.Get(tx, t.arn())
	if errors.Is(err, store.ErrNotFound) {
		return &progress{Trail: t.arn()}, nil
	}
	return p, err
}

func (s *Service) progress(ctx context.Context, t *trail) (p *progress, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		p, err = progressIn(tx, t)
		return err
	})
	return p, err
}

func (s *Service) note(ctx context.Context, t *trail, what func(*progress)) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		p, err := progressIn(tx, t)
		if err != nil {
			return err
		}
		what(p)
		return progresses.Put(tx, p)
	})
}
