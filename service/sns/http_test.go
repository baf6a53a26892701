package sns_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// get fetches what anybody may.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// verify checks a notification as SNS's documentation tells subscribers to.
func verify(t *testing.T, n note) {
	t.Helper()
	status, body := get(t, n.SigningCertURL)
	block, _ := pem.Decode([]byte(body))
	if status != http.StatusOK || block == nil {
		t.Fatalf("%s: %d %s", n.SigningCertURL, status, body)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	fields := []string{"Message", n.Message, "MessageId", n.MessageID}
	if n.Type == "Notification" {
		if n.Subject != "" {
			fields = append(fields, "Subject", n.Subject)
		}
		fields = append(fields, "Timestamp", n.Timestamp)
	} else {
		fields = append(fields, "SubscribeURL", n.SubscribeURL, "Timestamp", n.Timestamp, "Token", n.Token)
	}
	signed := []byte(strings.Join(append(fields, "TopicArn", n.TopicArn, "Type", n.Type), "\n") + "\n")
	sig, err := base64.StdEncoding.DecodeString(n.Signature)
	if err != nil {
		t.Fatal(err)
	}
	one, two := sha1.Sum(signed), sha256.Sum256(signed)
	hash, sum := crypto.SHA1, one[:]
	if n.SignatureVersion == "2" {
		hash, sum = crypto.SHA256, two[:]
	}
	if err := rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), hash, sum, sig); err != nil {
		t.Errorf("signature version %s of %s: %v", n.SignatureVersion, n.Type, err)
	}
}

// An endpoint is a subscriber's HTTP server.
type endpoint struct {
	*httptest.Server
	got    chan request
	answer chan int // status of the next answers; 200 if there is none
}

type request struct {
	header http.Header
	body   string
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{got: make(chan request, 100), answer: make(chan int, 100)}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a delivery: %v", err)
		}
		e.got <- request{r.Header, string(b)}
		select {
		case status := <-e.answer:
			w.WriteHeader(status)
		default:
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// confirmed subscribes an endpoint and follows the link in the message that it gets.
func (r *rig) confirmed(e *endpoint, attributes map[string]string) string {
	r.t.Helper()
	sub := r.subscribe("http", e.URL, attributes)
	n := readNote(r.t, (<-e.got).body)
	if n.Type != "SubscriptionConfirmation" {
		r.t.Fatalf("the first message is a %s", n.Type)
	}
	verify(r.t, n)
	if status, body := get(r.t, n.SubscribeURL); status != http.StatusOK || !strings.Contains(body, sub) {
		r.t.Fatalf("confirm: %d %s", status, body)
	}
	return sub
}

func TestHTTPEndpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", map[string]string{"SignatureVersion": "2"})
	e := newEndpoint(t)
	sub := r.confirmed(e, nil)
	r.publish(sns.PublishInput{Message: aws.String("hello <&> ü"), Subject: aws.String("s")})
	got := <-e.got
	n := readNote(t, got.body)
	if n.Message != "hello <&> ü" || n.SignatureVersion != "2" {
		t.Errorf("notification = %+v", n)
	}
	verify(t, n)
	for name, want := range map[string]string{
		"X-Amz-Sns-Message-Type": "Notification", "X-Amz-Sns-Topic-Arn": r.topic, "X-Amz-Sns-Subscription-Arn": sub,
		"X-Amz-Sns-Message-Id": n.MessageID, "Content-Type": "text/plain; charset=UTF-8",
	} {
		if h := got.header.Get(name); h != want {
			t.Errorf("%s = %q, want %q", name, h, want)
		}
	}
	if status, body := get(t, n.UnsubscribeURL); status != http.StatusOK {
		t.Errorf("unsubscribe: %d %s", status, body)
	}
	out, err := r.ListSubscriptionsByTopic(context.Background(), &sns.ListSubscriptionsByTopicInput{TopicArn: &r.topic})
	if err != nil || len(out.Subscriptions) != 0 {
		t.Errorf("after unsubscribing there is %v (%v)", out, err)
	}
}

func TestConfirmationIsNeeded(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	e := newEndpoint(t)
	r.subscribe("http", e.URL, nil)
	n := readNote(t, (<-e.got).body)
	r.publish(sns.PublishInput{Message: aws.String("too early")})
	if status, _ := get(t, strings.Replace(n.SubscribeURL, n.Token, "x"+n.Token[1:], 1)); status != http.StatusBadRequest {
		t.Errorf("confirm by a wrong token: %d, want 400", status)
	}
	if status, body := get(t, n.SubscribeURL); status != http.StatusOK {
		t.Fatalf("confirm: %d %s", status, body)
	}
	r.publish(sns.PublishInput{Message: aws.String("in time")})
	if got := readNote(t, (<-e.got).body); got.Message != "in time" {
		t.Errorf("got %q, want what came after the confirmation", got.Message)
	}
}

func TestRetriesThenDeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	dead := r.queue("dead", nil)
	e := newEndpoint(t)
	r.confirmed(e, map[string]string{
		"RedrivePolicy":  `{"deadLetterTargetArn":"` + queueARN("dead") + `"}`,
		"DeliveryPolicy": `{"healthyRetryPolicy":{"numRetries":2,"minDelayTarget":5,"maxDelayTarget":5}}`,
	})
	for range 3 {
		e.answer <- 503
	}
	r.publish(sns.PublishInput{Message: aws.String("m")})
	<-e.got
	for range 2 {
		r.advanceUntil(e, 5*time.Second)
	}
	m := r.take(dead, 1)[0]
	if got := readNote(t, *m.Body).Message; got != "m" {
		t.Errorf("the dead-letter queue has %q", got)
	}
	if got := *m.MessageAttributes["ErrorMessage"].StringValue; got != "The endpoint answered 503." {
		t.Errorf("error message = %q", got)
	}
}

// advanceUntil moves the clock by d again and again until the endpoint gets something:
// the delay counts from when the last failure was stored.
func (r *rig) advanceUntil(e *endpoint, d time.Duration) {
	r.t.Helper()
	if !garrisontest.Eventually(func() bool {
		select {
		case <-e.got:
			return true
		default:
			r.server.Clock.Advance(d)
			return false
		}
	}) {
		r.t.Fatal("the endpoint was not tried again")
	}
}

func TestNoRedirects(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	dead := r.queue("dead", nil)
	e := newEndpoint(t)
	r.confirmed(e, map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + queueARN("dead") + `"}`, "RawMessageDelivery": "true"})
	e.answer <- http.StatusFound
	r.publish(sns.PublishInput{Message: aws.String("m")})
	if got := <-e.got; got.header.Get("X-Amz-Sns-Rawdelivery") != "true" || got.body != "m" {
		t.Errorf("raw delivery = %+v", got)
	}
	r.take(dead, 1)
}

// TestOtherRegion shows that a confirmation, which names no Region, finds its topic in
// another than the home one.
func TestOtherRegion(t *testing.T) {
	t.Parallel()
	s := garrisontest.Start(t)
	r := &rig{Client: sns.NewFromConfig(s.ConfigFor(account, garrisontest.OtherRegion)), t: t, server: s}
	out, err := r.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("news")})
	if err != nil {
		t.Fatal(err)
	}
	r.topic = *out.TopicArn
	e := newEndpoint(t)
	r.confirmed(e, nil)
	r.publish(sns.PublishInput{Message: aws.String("m")})
	n := readNote(t, (<-e.got).body)
	verify(t, n)
	if status, body := get(t, n.UnsubscribeURL); status != http.StatusOK {
		t.Errorf("unsubscribe: %d %s", status, body)
	}
}

// TestUnsignedIsNarrow shows what nobody can do without a signature.
func TestUnsignedIsNarrow(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	r.queue("q", nil)
	sub := r.subscribe("sqs", queueARN("q"), nil)
	const version = "/?Version=2010-03-31&Action="
	for _, tt := range []struct {
		name, path string
		want       int
	}{
		{"publish", version + "Publish&Message=m&TopicArn=" + r.topic, http.StatusForbidden},
		{"unsubscribe a queue", version + "Unsubscribe&SubscriptionArn=" + sub, http.StatusForbidden},
		{"unsubscribe nothing", version + "Unsubscribe&SubscriptionArn=" + sub + "x", http.StatusNotFound},
		{"confirm by no token", version + "ConfirmSubscription&Token=&TopicArn=" + r.topic, http.StatusBadRequest},
		{"another certificate", "/SimpleNotificationService-0123.pem", http.StatusNotFound},
	} {
		if status, body := get(t, r.server.URL+tt.path); status != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, status, body, tt.want)
		}
	}
}
