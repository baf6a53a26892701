package sns

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// set sets one attribute as SetSubscriptionAttributes takes it. The filter policy is
// checked by checkFilter, once its scope is known.
func (s *subscription) set(name, value string) error {
	switch name {
	case "FilterPolicy":
		s.FilterPolicy = value
		if value == "{}" {
			s.FilterPolicy = ""
		}
	case "FilterPolicyScope":
		if value != "MessageAttributes" && value != "MessageBody" {
			return invalid("FilterPolicyScope: Invalid value [" + value + "]. Please use either MessageBody or MessageAttributes")
		}
		s.FilterBody = value == "MessageBody"
	case "RawMessageDelivery":
		if s.Protocol == "lambda" {
			return invalid("AttributeName: RawMessageDelivery")
		}
		return setBool(&s.Raw, name, value)
	case "RedrivePolicy":
		return s.setRedrive(value)
	case "DeliveryPolicy":
		if s.Protocol != "http" && s.Protocol != "https" {
			return invalid("AttributeName: DeliveryPolicy")
		}
		if _, err := parseEndpointDelivery(value); err != nil {
			return err
		}
		s.DeliveryPolicy = value
	default:
		return invalid("AttributeName")
	}
	return nil
}

func (s *subscription) checkFilter() error {
	_, err := parseFilter(s.FilterPolicy, s.FilterBody)
	return err
}

func (s *subscription) setRedrive(value string) error {
	if value == "" || value == "{}" {
		s.DeadLetters = ""
		return nil
	}
	var in struct {
		Target string `json:"deadLetterTargetArn"`
	}
	if json.Unmarshal([]byte(value), &in) != nil {
		return invalid("RedrivePolicy: failed to parse JSON.")
	}
	if a, err := arn.Parse(in.Target); err != nil || a.Service != "sqs" {
		return invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
	}
	s.DeadLetters = in.Target
	return nil
}

// GetSubscriptionAttributes returns all attributes of a subscription.
func (s *Service) GetSubscriptionAttributes(ctx context.Context, in *sns.GetSubscriptionAttributesInput) (*sns.GetSubscriptionAttributesOutput, error) {
	sub, err := s.subscription(ctx, *in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	t := topic{Account: sub.Account, Name: sub.Topic}
	out := map[string]string{
		"SubscriptionArn": *in.SubscriptionArn, "TopicArn": t.arn(s.Region), "Owner": sub.Owner, "Protocol": sub.Protocol, "Endpoint": sub.Endpoint,
		"PendingConfirmation":          strconv.FormatBool(!sub.Confirmed),
		"ConfirmationWasAuthenticated": strconv.FormatBool(sub.Authenticated),
		"RawMessageDelivery":           strconv.FormatBool(sub.Raw),
	}
	if sub.FilterPolicy != "" {
		out["FilterPolicy"], out["FilterPolicyScope"] = sub.FilterPolicy, "MessageAttributes"
		if sub.FilterBody {
			out["FilterPolicyScope"] = "MessageBody"
		}
	}
	if sub.DeadLetters != "" {
		b, err := json.Marshal(map[string]string{"deadLetterTargetArn": sub.DeadLetters})
		if err != nil {
			return nil, err
		}
		out["RedrivePolicy"] = string(b)
	}
	if sub.DeliveryPolicy != "" {
		out["DeliveryPolicy"] = sub.DeliveryPolicy
	}
	return &sns.GetSubscriptionAttributesOutput{Attributes: out}, nil
}

// SetSubscriptionAttributes sets one attribute.
func (s *Service) SetSubscriptionAttributes(ctx context.Context, in *sns.SetSubscriptionAttributesInput) (*sns.SetSubscriptionAttributesOutput, error) {
	found, err := s.subscription(ctx, *in.SubscriptionArn)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		sub, err := subscriptions.Get(tx, found.Account, found.Topic, found.ID)
		if errors.Is(err, store.ErrNotFound) {
			return missingSubscription()
		}
		if err != nil {
			return err
		}
		if err := errors.Join(sub.set(*in.AttributeName, aws.ToString(in.AttributeValue)), sub.checkFilter()); err != nil {
			return err
		}
		if err := checkFilters(tx, sub); err != nil {
			return err
		}
		return subscriptions.Put(tx, sub)
	})
	if err != nil {
		return nil, err
	}
	return &sns.SetSubscriptionAttributesOutput{}, nil
}
