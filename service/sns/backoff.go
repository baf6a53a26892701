package sns

import (
	"encoding/json"
	"math"
	"time"
)

// A retryPolicy says how often and when a failed delivery to an HTTP endpoint is tried
// again. Delays are in seconds (SNS Developer Guide, "Creating an HTTP/S delivery policy").
type retryPolicy struct {
	MinDelay   int    `json:"minDelayTarget"`
	MaxDelay   int    `json:"maxDelayTarget"`
	Retries    int    `json:"numRetries"`
	NoDelay    int    `json:"numNoDelayRetries"`
	AtMinDelay int    `json:"numMinDelayRetries"`
	AtMaxDelay int    `json:"numMaxDelayRetries"`
	Backoff    string `json:"backoffFunction"`
}

// defaultRetries are what SNS does where nobody says otherwise.
func defaultRetries() retryPolicy {
	return retryPolicy{MinDelay: 20, MaxDelay: 20, Retries: 3, Backoff: "linear"}
}

func (p *retryPolicy) check() error {
	switch {
	case p.MinDelay < 1, p.MaxDelay < p.MinDelay, p.MaxDelay > 3600:
		return invalid("DeliveryPolicy: delays must be between 1 and 3600 seconds, and minDelayTarget at most maxDelayTarget")
	case p.Retries < 0, p.Retries > 100, p.NoDelay < 0, p.AtMinDelay < 0, p.AtMaxDelay < 0, p.NoDelay+p.AtMinDelay+p.AtMaxDelay > p.Retries:
		return invalid("DeliveryPolicy: numRetries must be between 0 and 100, and the phases at most that")
	}
	switch p.Backoff {
	case "linear", "arithmetic", "geometric", "exponential":
		return nil
	}
	return invalid("DeliveryPolicy: backoffFunction must be one of linear, arithmetic, geometric, exponential")
}

// delay returns how long to wait after the given number of failures, and whether to
// try again at all.
func (p *retryPolicy) delay(failures int) (time.Duration, bool) {
	n := failures - 1 // retries made so far
	backoff := p.Retries - p.NoDelay - p.AtMinDelay - p.AtMaxDelay
	switch {
	case n >= p.Retries:
		return 0, false
	case n < p.NoDelay:
		return 0, true
	case n < p.NoDelay+p.AtMinDelay:
		return time.Duration(p.MinDelay) * time.Second, true
	case n >= p.NoDelay+p.AtMinDelay+backoff:
		return time.Duration(p.MaxDelay) * time.Second, true
	}
	step := n - p.NoDelay - p.AtMinDelay
	return time.Duration(p.curve(step, backoff) * float64(time.Second)), true
}

// curve is the delay at a step of the back-off phase, from the least to the most.
func (p *retryPolicy) curve(step, steps int) float64 {
	if steps < 2 {
		return float64(p.MinDelay)
	}
	low, high := float64(p.MinDelay), float64(p.MaxDelay)
	x := float64(step) / float64(steps-1)
	switch p.Backoff {
	case "arithmetic": // growing by more each time
		x *= x
	case "geometric":
		return low * math.Pow(high/low, x)
	case "exponential":
		x = (math.Exp2(float64(step)) - 1) / (math.Exp2(float64(steps-1)) - 1)
	}
	return low + (high-low)*x
}

// managedDelay is retryPolicy.delay for queues and functions: over 100,000 times in 23
// days (SNS Developer Guide, "Message delivery retries", AWS managed endpoints).
func managedDelay(failures int) (time.Duration, bool) {
	switch n := failures - 1; {
	case n < 3:
		return 0, true
	case n < 5:
		return time.Second, true
	case n < 15:
		p := retryPolicy{MinDelay: 1, MaxDelay: 20, Backoff: "geometric"}
		return time.Duration(p.curve(n-5, 10) * float64(time.Second)), true
	case n < 100_015:
		return 20 * time.Second, true
	default:
		return 0, false
	}
}

// A topicDelivery is a topic's DeliveryPolicy, and an endpointDelivery is a
// subscription's.
type topicDelivery struct {
	HTTP struct {
		Retries         *retryPolicy    `json:"defaultHealthyRetryPolicy,omitempty"`
		DisableOverride bool            `json:"disableSubscriptionOverrides"`
		Throttle        json.RawMessage `json:"defaultThrottlePolicy,omitempty"`
		Request         *requestPolicy  `json:"defaultRequestPolicy,omitempty"`
	} `json:"http"`
}

type endpointDelivery struct {
	Retries  *retryPolicy    `json:"healthyRetryPolicy"`
	Throttle json.RawMessage `json:"throttlePolicy"`
	Request  *requestPolicy  `json:"requestPolicy"`
}

// A requestPolicy says how a message is sent.
type requestPolicy struct {
	ContentType string `json:"headerContentType"`
}

const defaultContentType = "text/plain; charset=UTF-8"

// UnmarshalJSON reads a policy over the default's values.
func (p *retryPolicy) UnmarshalJSON(b []byte) error {
	type plain retryPolicy
	v := plain(defaultRetries())
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*p = retryPolicy(v)
	return nil
}

func parseTopicDelivery(document string) (d topicDelivery, err error) {
	if document == "" {
		return d, nil
	}
	if json.Unmarshal([]byte(document), &d) != nil {
		return d, invalid("DeliveryPolicy: not a valid JSON document")
	}
	return d, checkDelivery(d.HTTP.Retries, d.HTTP.Throttle, d.HTTP.Request)
}

func parseEndpointDelivery(document string) (d endpointDelivery, err error) {
	if document == "" {
		return d, nil
	}
	if json.Unmarshal([]byte(document), &d) != nil {
		return d, invalid("DeliveryPolicy: not a valid JSON document")
	}
	return d, checkDelivery(d.Retries, d.Throttle, d.Request)
}

func checkDelivery(p *retryPolicy, throttle json.RawMessage, r *requestPolicy) error {
	if len(throttle) > 0 && string(throttle) != "null" {
		return invalid("DeliveryPolicy: a throttle policy is not served")
	}
	if r != nil && !headerValue(r.ContentType) {
		return invalid("DeliveryPolicy: headerContentType")
	}
	if p != nil {
		return p.check()
	}
	return nil
}

func headerValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= 256
}

// effective is what GetTopicAttributes calls the EffectiveDeliveryPolicy.
func (d topicDelivery) effective() string {
	if d.HTTP.Retries == nil {
		p := defaultRetries()
		d.HTTP.Retries = &p
	}
	if d.HTTP.Request == nil {
		d.HTTP.Request = &requestPolicy{defaultContentType}
	}
	b, err := json.Marshal(d)
	if err != nil {
		return ""
	}
	return string(b)
}

// delivering is how a subscription's messages are sent: as it says itself, unless the
// topic forbids that, else as the topic says.
func delivering(t *topic, sub *subscription) (retryPolicy, string) {
	retries, contentType := defaultRetries(), defaultContentType
	of, errTopic := parseTopicDelivery(t.DeliveryPolicy)
	own, errOwn := parseEndpointDelivery(sub.DeliveryPolicy)
	if errTopic == nil {
		retries, contentType = over(retries, contentType, of.HTTP.Retries, of.HTTP.Request)
	}
	if errOwn == nil && !of.HTTP.DisableOverride {
		retries, contentType = over(retries, contentType, own.Retries, own.Request)
	}
	return retries, contentType
}

func over(p retryPolicy, contentType string, other *retryPolicy, request *requestPolicy) (retryPolicy, string) {
	if other != nil {
		p = *other
	}
	if request != nil && request.ContentType != "" {
		contentType = request.ContentType
	}
	return p, contentType
}
