package sqs_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const gone = "AWS.SimpleQueueService.NonExistentQueue"

func TestCreateQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, "q", map[string]string{"VisibilityTimeout": "7"})
	ctx := context.Background()
	if again := r.create("q", map[string]string{"VisibilityTimeout": "7"}); again != r.url {
		t.Errorf("made again it is %s, want %s", again, r.url)
	}
	if again := r.create("q", nil); again != r.url {
		t.Errorf("made again without attributes it is %s, want %s", again, r.url)
	}
	if want := r.server.URL + "/" + garrisontest.Account + "/q"; r.url != want {
		t.Errorf("URL = %s, want %s", r.url, want)
	}
	for _, tt := range []struct {
		name, queue, want string
		attributes        map[string]string
	}{
		{"another attribute", "q", "QueueAlreadyExists", map[string]string{"VisibilityTimeout": "8"}},
		{"a bad name", "a b", "InvalidParameterValue", nil},
		{"FIFO without its suffix", "f", "InvalidParameterValue", map[string]string{"FifoQueue": "true"}},
		{"a suffix without FIFO", "f.fifo", "InvalidParameterValue", nil},
		{"an unknown attribute", "u", "InvalidAttributeName", map[string]string{"Nonsense": "1"}},
		{"out of range", "u", "InvalidAttributeValue", map[string]string{"VisibilityTimeout": "43201"}},
		{"FIFO's attribute", "u", "InvalidAttributeName", map[string]string{"ContentBasedDeduplication": "true"}},
		{"no such grave", "u", "InvalidParameterValue", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111122223333:none","maxReceiveCount":1}`}},
	} {
		_, err := r.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &tt.queue, Attributes: tt.attributes})
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestDeleteQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, "q", nil)
	ctx := context.Background()
	r.send(sqs.SendMessageInput{MessageBody: aws.String("m")})
	if _, err := r.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &r.url}); err != nil {
		t.Fatal(err)
	}
	_, err := r.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String("m")})
	if got := garrisontest.ErrorCode(err); got != gone {
		t.Errorf("send to a deleted queue: %v, want %s", err, gone)
	}
	_, err = r.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("q")})
	if got := garrisontest.ErrorCode(err); got != "AWS.SimpleQueueService.QueueDeletedRecently" {
		t.Errorf("made again at once: %v, want QueueDeletedRecently", err)
	}
	r.server.Clock.Advance(61 * time.Second)
	r.create("q", nil)
	if got := r.receive(sqs.ReceiveMessageInput{}); len(got) != 0 {
		t.Errorf("the new queue has the old one's %v", bodies(got))
	}
}

func TestPurgeQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, "q", nil)
	ctx := context.Background()
	r.send(sqs.SendMessageInput{MessageBody: aws.String("flying")})
	flying := r.receive(sqs.ReceiveMessageInput{})[0]
	r.send(sqs.SendMessageInput{MessageBody: aws.String("m")})
	purge := func() error {
		_, err := r.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &r.url})
		return err
	}
	if err := purge(); err != nil {
		t.Fatal(err)
	}
	if got := r.counts(); got != [3]string{"0", "0", "0"} {
		t.Errorf("counts after a purge = %v", got)
	}
	r.delete(flying)
	if got := garrisontest.ErrorCode(purge()); got != "AWS.SimpleQueueService.PurgeQueueInProgress" {
		t.Errorf("purged again: %q, want PurgeQueueInProgress", got)
	}
	r.server.Clock.Advance(time.Minute)
	if err := purge(); err != nil {
		t.Errorf("purged after a minute: %v", err)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, "q", nil)
	ctx := context.Background()
	entry := func(id, body string) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body}
	}
	out, err := r.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &r.url, Entries: []types.SendMessageBatchRequestEntry{entry("1", "a"), entry("2", "\x01"), entry("3", "c")}})
	if err != nil || len(out.Successful) != 2 || len(out.Failed) != 1 || *out.Failed[0].Id != "2" || *out.Failed[0].Code != "InvalidMessageContents" {
		t.Fatalf("batch = %v (%v), want the second to fail alone", out, err)
	}
	var entries []types.DeleteMessageBatchRequestEntry
	for _, m := range r.receive(sqs.ReceiveMessageInput{}) {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
	}
	deleted, err := r.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &r.url, Entries: append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String("bad"), ReceiptHandle: aws.String("x")})})
	if err != nil || len(deleted.Successful) != 2 || len(deleted.Failed) != 1 || *deleted.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Errorf("delete batch = %v (%v), want two deleted and one failed", deleted, err)
	}
	for _, tt := range []struct {
		want    string
		entries []types.SendMessageBatchRequestEntry
	}{
		{"EmptyBatchRequest", []types.SendMessageBatchRequestEntry{}},
		{"BatchEntryIdsNotDistinct", []types.SendMessageBatchRequestEntry{entry("1", "a"), entry("1", "b")}},
		{"InvalidBatchEntryId", []types.SendMessageBatchRequestEntry{entry("a b", "a")}},
		{"BatchRequestTooLong", []types.SendMessageBatchRequestEntry{entry("1", strings.Repeat("x", 1<<19)), entry("2", strings.Repeat("x", 1<<19+1))}},
		{"TooManyEntriesInBatchRequest", make([]types.SendMessageBatchRequestEntry, 11)},
	} {
		for i := range tt.entries {
			if tt.entries[i].Id == nil {
				tt.entries[i] = entry(string(rune('a'+i)), "m")
			}
		}
		_, err := r.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &r.url, Entries: tt.entries})
		if got := garrisontest.ErrorCode(err); got != "AWS.SimpleQueueService."+tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t, "q", nil)
	ctx := context.Background()
	other := sqs.NewFromConfig(r.server.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	send := func() string {
		_, err := other.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String("m")})
		return garrisontest.ErrorCode(err)
	}
	if got := send(); !strings.HasPrefix(got, "AccessDenied") {
		t.Errorf("send without a policy: %q, want AccessDenied", got)
	}
	_, err := r.AddPermission(ctx, &sqs.AddPermissionInput{QueueUrl: &r.url, Label: aws.String("l"), AWSAccountIds: []string{garrisontest.OtherAccount}, Actions: []string{"SendMessage"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := send(); got != "" {
		t.Errorf("send with a permission: %q", got)
	}
	_, err = other.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &r.url})
	if got := garrisontest.ErrorCode(err); !strings.HasPrefix(got, "AccessDenied") {
		t.Errorf("receive without a permission: %q, want AccessDenied", got)
	}
	if _, err := r.RemovePermission(ctx, &sqs.RemovePermissionInput{QueueUrl: &r.url, Label: aws.String("l")}); err != nil {
		t.Fatal(err)
	}
	if got := send(); !strings.HasPrefix(got, "AccessDenied") {
		t.Errorf("send after the permission was removed: %q, want AccessDenied", got)
	}
}

func TestKMS(t *testing.T) {
	t.Parallel()
	r := newRig(t, "plain", nil)
	ctx := context.Background()
	keys := kms.NewFromConfig(r.server.Config)
	key, err := keys.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := key.KeyMetadata.KeyId
	r.url = r.create("sealed", map[string]string{"KmsMasterKeyId": *id, "KmsDataKeyReusePeriodSeconds": "60"})
	r.send(sqs.SendMessageInput{MessageBody: aws.String("secret")})
	if got := bodies(r.receive(sqs.ReceiveMessageInput{VisibilityTimeout: 1})); len(got) != 1 || got[0] != "secret" {
		t.Fatalf("received %v, want the message in the clear", got)
	}
	user := sqs.NewFromConfig(r.server.User(t, "keyless", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}`))
	r.server.Clock.Advance(2 * time.Second)
	_, err = user.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &r.url})
	if got := garrisontest.ErrorCode(err); got != "KMS.AccessDeniedException" {
		t.Errorf("receive without the key: %v, want KMS.AccessDeniedException", err)
	}
	_, err = user.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String("m")})
	if got := garrisontest.ErrorCode(err); got != "KMS.AccessDeniedException" {
		t.Errorf("send without the key: %v, want KMS.AccessDeniedException", err)
	}
	if got := r.receive(sqs.ReceiveMessageInput{VisibilityTimeout: 1}); len(got) != 1 || got[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Errorf("after a refused receive there is %v, want the message as before", got)
	}
	if _, err := keys.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	r.send(sqs.SendMessageInput{MessageBody: aws.String("within the reuse period")})
	r.server.Clock.Advance(61 * time.Second)
	_, err = r.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String("m")})
	if got := garrisontest.ErrorCode(err); got != "KMS.DisabledException" {
		t.Errorf("send with a disabled key: %v, want KMS.DisabledException", err)
	}
}

// query sends a request of the protocol of before 2023.
func (r *rig) query(target, form string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, target, strings.NewReader(form))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form))
	c, err := r.server.Config.Credentials.Retrieve(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), c, req, hex.EncodeToString(sum[:]), "sqs", garrisontest.Region, clock.System{}.Now()); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestQueryProtocol(t *testing.T) {
	t.Parallel()
	r := newRig(t, "q", nil)
	for _, tt := range []struct {
		name, target, form string
		status             int
		want               []string
	}{
		{
			"create", r.server.URL, "Action=CreateQueue&Version=2012-11-05&QueueName=old&Attribute.1.Name=VisibilityTimeout&Attribute.1.Value=40&Tag.1.Key=k&Tag.1.Value=v",
			200,
			[]string{"<CreateQueueResult><QueueUrl>" + r.server.URL + "/111122223333/old</QueueUrl>"},
		},
		{
			"send by path", r.url, "Action=SendMessage&Version=2012-11-05&MessageBody=hi&MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=b",
			200,
			[]string{"<MD5OfMessageBody>49f68a5c8493ec2c0bf489821c21fc3b</MD5OfMessageBody>", "<MD5OfMessageAttributes>"},
		},
		{
			"receive", r.server.URL, "Action=ReceiveMessage&Version=2012-11-05&AttributeName.1=All&MessageAttributeName.1=All&QueueUrl=" + url.QueryEscape(r.url),
			200,
			[]string{"<ReceiveMessageResult><Message>", "<Body>hi</Body>", "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>", "<MessageAttribute><Name>a</Name><Value><StringValue>b</StringValue>"},
		},
		{
			"attributes", r.server.URL + "/111122223333/old", "Action=GetQueueAttributes&Version=2012-11-05&AttributeName.1=VisibilityTimeout",
			200,
			[]string{"<Attribute><Name>VisibilityTimeout</Name><Value>40</Value></Attribute>"},
		},
		{
			"visibility without a time", r.url, "Action=ChangeMessageVisibility&Version=2012-11-05&ReceiptHandle=x",
			400,
			[]string{"<Code>MissingParameter</Code>"},
		},
		{
			"no such queue", r.server.URL + "/111122223333/none", "Action=SendMessage&Version=2012-11-05&MessageBody=hi",
			400,
			[]string{"<Code>" + gone + "</Code>", "<Type>Sender</Type>"},
		},
	} {
		status, body := r.query(tt.target, tt.form)
		if status != tt.status {
			t.Errorf("%s: status %d, want %d: %s", tt.name, status, tt.status, body)
		}
		for _, want := range tt.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %s\nwant %s in it", tt.name, body, want)
			}
		}
	}
}
