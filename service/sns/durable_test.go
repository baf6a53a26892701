package sns_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// TestDeliveryOutlivesServer publishes while the endpoint is down, and shows that
// another server on the same state delivers.
func TestDeliveryOutlivesServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := newEndpoint(t)
	first := func(c *server.Config) { c.Data = dir }
	t.Run("first", func(t *testing.T) {
		s := garrisontest.Start(t, first)
		r := &rig{Client: sns.NewFromConfig(s.Config), t: t, server: s}
		out, err := r.CreateTopic(context.Background(), &sns.CreateTopicInput{Name: aws.String("news")})
		if err != nil {
			t.Fatal(err)
		}
		r.topic = *out.TopicArn
		r.confirmed(e, nil)
		e.answer <- 500
		r.publish(sns.PublishInput{Message: aws.String("kept")})
		<-e.got
	})
	s := garrisontest.Start(t, first)
	s.Clock.Advance(time.Minute)
	var body string
	if !garrisontest.Eventually(func() bool {
		select {
		case got := <-e.got:
			body = got.body
			return true
		default:
			s.Clock.Advance(20 * time.Second)
			return false
		}
	}) {
		t.Fatal("nothing was delivered after the restart")
	}
	if n := readNote(t, body); n.Message != "kept" {
		t.Errorf("delivered %q", n.Message)
	}
}
