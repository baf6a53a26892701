package sns

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/garrison-cloud/garrison/internal/store"
)

// maxPolicy bounds a policy document in bytes.
const maxPolicy = 30_720

// set sets one attribute as SetTopicAttributes takes it. What is not obeyed here is
// refused (SNS API Reference, SetTopicAttributes).
func (t *topic) set(name, value string) error {
	switch name {
	case "DisplayName":
		if len(value) > 100 {
			return invalid("DisplayName Reason: must be at most 100 characters long")
		}
		t.DisplayName = value
	case "Policy":
		if value != "" && (len(value) > maxPolicy || !json.Valid([]byte(value))) {
			return invalid("Policy Error: null")
		}
		t.Policy = value
	case "DeliveryPolicy":
		if _, err := parseTopicDelivery(value); err != nil {
			return err
		}
		t.DeliveryPolicy = value
	case "KmsMasterKeyId":
		t.KMSKey = value
	case "SignatureVersion":
		if value != "1" && value != "2" {
			return invalid("SignatureVersion")
		}
		t.SignatureV2 = value == "2"
	case "TracingConfig":
		if value != "PassThrough" {
			return invalid("TracingConfig Reason: only PassThrough is served")
		}
	default:
		return t.setFIFO(name, value)
	}
	return nil
}

func (t *topic) setFIFO(name, value string) error {
	if !t.FIFO {
		return invalid("AttributeName")
	}
	switch name {
	case "ContentBasedDeduplication":
		return setBool(&t.ContentDedup, name, value)
	case "FifoThroughputScope":
		if value != "Topic" && value != "MessageGroup" {
			return invalid("FifoThroughputScope")
		}
		t.DedupPerGroup = value == "MessageGroup"
		return nil
	default:
		return invalid("AttributeName")
	}
}

func setBool(to *bool, name, value string) error {
	v, err := strconv.ParseBool(value)
	if err != nil {
		return invalid(name)
	}
	*to = v
	return nil
}

// policy is the topic's own, or the one that every topic begins with: it lets in its
// owner alone (SNS Developer Guide, "Default access control").
func (t *topic) policy(region string) string {
	if t.Policy != "" {
		return t.Policy
	}
	return `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow",` +
		`"Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission",` +
		`"SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"` + t.arn(region) +
		`","Condition":{"StringEquals":{"AWS:SourceOwner":"` + t.Account + `"}}}]}`
}

// attributes are what GetTopicAttributes tells of the row.
func (t *topic) attributes(region string) map[string]string {
	d, err := parseTopicDelivery(t.DeliveryPolicy)
	if err != nil { // it was checked when it was set
		d = topicDelivery{}
	}
	out := map[string]string{
		"TopicArn": t.arn(region), "Owner": t.Account, "DisplayName": t.DisplayName, "Policy": t.policy(region),
		"EffectiveDeliveryPolicy": d.effective(), "TracingConfig": "PassThrough",
	}
	if t.DeliveryPolicy != "" {
		out["DeliveryPolicy"] = t.DeliveryPolicy
	}
	if t.KMSKey != "" {
		out["KmsMasterKeyId"] = t.KMSKey
	}
	if t.SignatureV2 {
		out["SignatureVersion"] = "2"
	}
	if t.FIFO {
		out["FifoTopic"], out["ContentBasedDeduplication"] = "true", strconv.FormatBool(t.ContentDedup)
		out["FifoThroughputScope"] = "Topic"
		if t.DedupPerGroup {
			out["FifoThroughputScope"] = "MessageGroup"
		}
	}
	return out
}

// GetTopicAttributes returns all attributes of a topic.
func (s *Service) GetTopicAttributes(ctx context.Context, in *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
	t, err := s.topic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	out := t.attributes(s.Region)
	confirmed, pending := 0, 0
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		confirmed, pending = 0, 0
		for sub, err := range subscriptions.Scan(tx, store.Range{Prefix: store.K(t.Account, t.Name)}) {
			if err != nil {
				return err
			}
			if sub.Confirmed {
				confirmed++
			} else {
				pending++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	maps.Copy(out, map[string]string{
		"SubscriptionsConfirmed": strconv.Itoa(confirmed), "SubscriptionsPending": strconv.Itoa(pending), "SubscriptionsDeleted": "0",
	})
	return &sns.GetTopicAttributesOutput{Attributes: out}, nil
}

// SetTopicAttributes sets one attribute.
func (s *Service) SetTopicAttributes(ctx context.Context, in *sns.SetTopicAttributesInput) (*sns.SetTopicAttributesOutput, error) {
	err := s.edit(ctx, *in.TopicArn, func(t *topic) error { return t.set(*in.AttributeName, aws.ToString(in.AttributeValue)) })
	if err != nil {
		return nil, err
	}
	return &sns.SetTopicAttributesOutput{}, nil
}
