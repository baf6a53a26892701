package sqs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/internal/arn"
)

// A number is a setting that is one, with its bounds (SQS API Reference,
// SetQueueAttributes).
type number struct {
	at       func(*settings) *int
	min, max int
}

func numbers(name string) (number, bool) {
	switch name {
	case "DelaySeconds":
		return number{func(s *settings) *int { return &s.Delay }, 0, maxDelay}, true
	case "MaximumMessageSize":
		return number{func(s *settings) *int { return &s.MaxSize }, 1 << 10, maxSize}, true
	case "MessageRetentionPeriod":
		return number{func(s *settings) *int { return &s.Retention }, 60, 1_209_600}, true
	case "ReceiveMessageWaitTimeSeconds":
		return number{func(s *settings) *int { return &s.Wait }, 0, maxWait}, true
	case "VisibilityTimeout":
		return number{func(s *settings) *int { return &s.Visibility }, 0, maxVisibility}, true
	case "KmsDataKeyReusePeriodSeconds":
		return number{func(s *settings) *int { return &s.KeyReuse }, 60, 86_400}, true
	default:
		return number{}, false
	}
}

// SQS's limits in seconds, bytes and pieces (SQS Developer Guide, "Amazon SQS message
// quotas" and "Amazon SQS queue quotas").
const (
	maxDelay      = 900
	maxWait       = 20
	maxVisibility = 43_200
	maxSize       = 1 << 20
	maxBatch      = 10
	maxInFlight   = 120_000
	maxPolicy     = 65_536
)

func defaults() settings {
	return settings{Visibility: 30, Retention: 345_600, MaxSize: maxSize, KeyReuse: 300, ManagedSSE: true}
}

// apply sets attributes on a queue as CreateQueue and SetQueueAttributes take them.
// It changes the queue even where it fails.
func (q *queue) apply(given map[string]string, creating bool) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if err := q.set(name, given[name], creating); err != nil {
			return err
		}
	}
	st := &q.Settings
	if st.KMSKey != "" {
		if given["SqsManagedSseEnabled"] == "true" {
			return fault("InvalidAttributeValue", "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
		}
		st.ManagedSSE = false
	}
	if st.LimitPerGroup && !st.DedupPerGroup {
		return invalidAttribute("FifoThroughputLimit")
	}
	return nil
}

func (q *queue) set(name, value string, creating bool) error {
	if n, ok := numbers(name); ok {
		v, err := strconv.Atoi(value)
		if err != nil || v < n.min || v > n.max {
			return invalidAttribute(name)
		}
		*n.at(&q.Settings) = v
		return nil
	}
	switch name {
	case "Policy":
		return q.setPolicy(value)
	case "RedrivePolicy":
		return q.setRedrive(value)
	case "RedriveAllowPolicy":
		return q.setAllow(value)
	case "KmsMasterKeyId":
		q.Settings.KMSKey = value
		return nil
	case "SqsManagedSseEnabled":
		if err := setBool(&q.Settings.ManagedSSE, name, value); err != nil {
			return err
		}
		if q.Settings.ManagedSSE {
			q.Settings.KMSKey = ""
		}
		return nil
	default:
		return q.setFIFO(name, value, creating)
	}
}

func setBool(to *bool, name, value string) error {
	switch strings.ToLower(value) {
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		return invalidAttribute(name)
	}
	return nil
}

// setFIFO sets what only FIFO queues have.
func (q *queue) setFIFO(name, value string, creating bool) error {
	switch name {
	case "FifoQueue":
		// A standard queue says so by leaving the attribute out.
		if value != "true" || !q.FIFO {
			return unknownAttribute(name)
		}
		if !creating {
			return invalidAttribute(name)
		}
		return nil
	case "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit":
	default:
		return unknownAttribute(name)
	}
	if !q.FIFO {
		return unknownAttribute(name)
	}
	switch name {
	case "ContentBasedDeduplication":
		return setBool(&q.Settings.ContentDedup, name, value)
	case "DeduplicationScope":
		return setChoice(&q.Settings.DedupPerGroup, name, value, [2]string{"queue", "messageGroup"})
	default:
		return setChoice(&q.Settings.LimitPerGroup, name, value, [2]string{"perQueue", "perMessageGroupId"})
	}
}

func setChoice(to *bool, name, value string, words [2]string) error {
	i := slices.Index(words[:], value)
	if i < 0 {
		return invalidAttribute(name)
	}
	*to = i == 1
	return nil
}

func (q *queue) setPolicy(value string) error {
	if value != "" && (len(value) > maxPolicy || !json.Valid([]byte(value))) {
		return invalidAttribute("Policy")
	}
	q.Settings.Policy = value
	return nil
}

// setRedrive reads a RedrivePolicy. Clients send the count as a number or a string.
func (q *queue) setRedrive(value string) error {
	if value == "" {
		q.Settings.Redrive = nil
		return nil
	}
	var in struct {
		Target string      `json:"deadLetterTargetArn"`
		Max    json.Number `json:"maxReceiveCount"`
	}
	if json.Unmarshal([]byte(value), &in) != nil {
		return invalid("RedrivePolicy", value, "Redrive policy is not a valid JSON map.")
	}
	if in.Target == "" {
		return invalid("RedrivePolicy", value, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
	}
	if in.Max == "" {
		return invalid("RedrivePolicy", value, "Redrive policy does not contain mandatory attribute: maxReceiveCount.")
	}
	n, err := strconv.Atoi(in.Max.String())
	if err != nil || n < 1 || n > 1000 {
		return invalid("RedrivePolicy", value, "Invalid value for maxReceiveCount: "+in.Max.String()+", valid values are from 1 to 1000 both inclusive.")
	}
	if a, err := arn.Parse(in.Target); err != nil || a.Service != "sqs" {
		return invalid("RedrivePolicy", value, "Invalid value for deadLetterTargetArn.")
	}
	q.Settings.Redrive = &redrive{Target: in.Target, Max: n}
	return nil
}

func (q *queue) setAllow(value string) error {
	if value == "" {
		q.Settings.Allow = nil
		return nil
	}
	var in struct {
		Permission string   `json:"redrivePermission"`
		Sources    []string `json:"sourceQueueArns"`
	}
	err := json.Unmarshal([]byte(value), &in)
	byQueue := in.Permission == "byQueue"
	switch {
	case err != nil, !byQueue && in.Permission != "allowAll" && in.Permission != "denyAll",
		byQueue != (len(in.Sources) > 0), len(in.Sources) > 10:
		return invalidAttribute("RedriveAllowPolicy")
	}
	q.Settings.Allow = &redriveAllow{Permission: in.Permission, Sources: in.Sources}
	return nil
}

// allows tells whether the queue takes the dead letters of another of its account.
func (q *queue) allows(source string) bool {
	a := q.Settings.Allow
	return a == nil || a.Permission == "allowAll" || a.Permission == "byQueue" && slices.Contains(a.Sources, source)
}

// attributes are what GetQueueAttributes tells of the row.
func (q *queue) attributes(region string) map[string]string {
	st := &q.Settings
	out := map[string]string{
		"QueueArn":              q.arn(region),
		"CreatedTimestamp":      strconv.FormatInt(q.Created.Unix(), 10),
		"LastModifiedTimestamp": strconv.FormatInt(q.Modified.Unix(), 10),
		"SqsManagedSseEnabled":  strconv.FormatBool(st.ManagedSSE),
	}
	for _, name := range []string{"DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "VisibilityTimeout"} {
		n, _ := numbers(name)
		out[name] = strconv.Itoa(*n.at(st))
	}
	if st.KMSKey != "" {
		out["KmsMasterKeyId"], out["KmsDataKeyReusePeriodSeconds"] = st.KMSKey, strconv.Itoa(st.KeyReuse)
	}
	if st.Policy != "" {
		out["Policy"] = st.Policy
	}
	if r := st.Redrive; r != nil {
		out["RedrivePolicy"] = marshal(map[string]json.RawMessage{
			"deadLetterTargetArn": json.RawMessage(marshal(r.Target)), "maxReceiveCount": json.RawMessage(strconv.Itoa(r.Max)),
		})
	}
	if a := st.Allow; a != nil {
		out["RedriveAllowPolicy"] = a.document()
	}
	if q.FIFO {
		out["FifoQueue"], out["ContentBasedDeduplication"] = "true", strconv.FormatBool(st.ContentDedup)
		out["DeduplicationScope"], out["FifoThroughputLimit"] = "queue", "perQueue"
		if st.DedupPerGroup {
			out["DeduplicationScope"] = "messageGroup"
		}
		if st.LimitPerGroup {
			out["FifoThroughputLimit"] = "perMessageGroupId"
		}
	}
	return out
}

func (a *redriveAllow) document() string {
	if len(a.Sources) == 0 {
		return `{"redrivePermission":` + marshal(a.Permission) + `}`
	}
	return `{"redrivePermission":` + marshal(a.Permission) + `,"sourceQueueArns":` + marshal(a.Sources) + `}`
}

// marshal writes strings and lists of them, which never fails.
func marshal[T string | []string | map[string]json.RawMessage](v T) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sqs: strings that do not marshal: " + err.Error())
	}
	return string(b)
}
