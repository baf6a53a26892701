package sns

import (
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A topic is a name and its settings.
type topic struct {
	Account, Name  string
	FIFO           bool
	Created        time.Time
	DisplayName    string
	Policy         string
	DeliveryPolicy string
	KMSKey         string
	SignatureV2    bool
	ContentDedup   bool
	DedupPerGroup  bool
	Sequence       uint64
	Tags           map[string]string
}

var topics = store.NewTable("sns.topic", func(t *topic) store.Key { return store.K(t.Account, t.Name) }, store.Cached[topic](1024))

func (t *topic) arn(region string) string { return arn.New("sns", region, t.Account, t.Name) }

// A subscription is one endpoint of a topic. It gets nothing until it is confirmed,
// and is gone after two days if nobody confirms it.
type subscription struct {
	Account, Topic     string // the topic's
	ID                 string
	Owner              string // account
	Protocol, Endpoint string
	Confirmed          bool
	Authenticated      bool // only its owner may unsubscribe it
	Token              string
	Created            time.Time

	FilterPolicy string
	FilterBody   bool // FilterPolicyScope is MessageBody
	Raw          bool
	DeadLetters  string // ARN of a queue
	// Base is how who subscribed reached the server; the links in messages begin with it.
	Base           string
	DeliveryPolicy string
}

// pendingFor is how long a subscription waits for its confirmation (SNS API
// Reference, Subscribe: a token is valid for two days).
const pendingFor = 48 * time.Hour

var subscriptions = store.NewTable("sns.subscription", func(s *subscription) store.Key { return store.K(s.Account, s.Topic, s.ID) },
	store.UniqueIndex("endpoint", func(s *subscription) []store.Key {
		return []store.Key{store.K(s.Account, s.Topic, s.Protocol, s.Endpoint)}
	}),
	store.Index("owner", func(s *subscription) []store.Key { return []store.Key{store.K(s.Owner)} }),
	store.Expires(func(s *subscription) time.Time {
		if s.Confirmed {
			return time.Time{}
		}
		return s.Created.Add(pendingFor)
	}))

func (s *subscription) arn(region string) string {
	return arn.New("sns", region, s.Account, s.Topic+":"+s.ID)
}

// A publication is one message on its way to subscribers. Its sequence orders it among
// all of the Region.
type publication struct {
	ID             string
	TopicARN       string
	Type           string // Notification or SubscriptionConfirmation
	MessageID      string
	Subject        string
	Message        string
	ByProtocol     map[string]string // where MessageStructure is json
	Attributes     map[string]attribute
	Time           time.Time
	Token          string
	SignatureV2    bool
	Group, Dedup   string
	SequenceNumber string
}

var publications = store.NewTable("sns.publication", func(p *publication) store.Key { return store.K(p.ID) }, store.Unwatched[publication]())

// An attribute is a message attribute: Binary if the type is Binary, else Text.
type attribute struct {
	Type   string
	Text   string
	Binary []byte
}

// A delivery is a publication that a subscription has still to get. Order is its place
// among the subscription's; Due is zero while too many before it hold it up: in a FIFO
// topic one is enough.
type delivery struct {
	Publication    string
	Account, Topic string
	Subscription   string
	FIFO           bool
	Order          string
	Attempt        int // those that failed
	Due            time.Time
}

var deliveries = store.NewTable("sns.delivery", func(d *delivery) store.Key { return store.K(d.Publication, d.Subscription) },
	store.Unwatched[delivery](),
	store.Index("due", func(d *delivery) []store.Key {
		if d.Due.IsZero() {
			return nil
		}
		return []store.Key{store.K(d.Due)}
	}),
	store.Index("lane", func(d *delivery) []store.Key {
		return []store.Key{store.K(d.Subscription, d.Due.IsZero(), d.Order)}
	}))

func (d *delivery) id() string { return d.Publication + "/" + d.Subscription }

// A duplicate remembers a deduplication id for five minutes.
type duplicate struct {
	Account, Topic, Group, ID string
	MessageID, Sequence       string
	Until                     time.Time
}

var duplicates = store.NewTable("sns.duplicate", func(d *duplicate) store.Key { return store.K(d.Account, d.Topic, d.Group, d.ID) },
	store.Expires(func(d *duplicate) time.Time { return d.Until }), store.Unwatched[duplicate]())

// A signing is the Region's key and certificate for messages.
type signing struct {
	Name        string
	Key         []byte // PKCS #8
	Certificate []byte // PEM
}

var signings = store.NewTable("sns.signing", func(s *signing) store.Key { return store.K(s.Name) }, store.Unwatched[signing]())
