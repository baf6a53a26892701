package main

import (
	"encoding/json"
	"fmt"
)

// SQS's model has been JSON's since 2023. Clients of before speak awsQuery, which
// the service still takes; what the model has lost of it is put back here (Amazon
// SQS API Reference, API version 2012-11-05, the query parameters of each action
// and "Common Errors").

// sqsItems are the names of lists' elements and of maps' keys and values.
var sqsItems = map[string][]string{
	"AWSAccountIdList":         {"AWSAccountId"},
	"ActionNameList":           {"ActionName"},
	"AttributeNameList":        {"AttributeName"},
	"BinaryList":               {"BinaryListValue"},
	"MessageAttributeNameList": {"MessageAttributeName"},
	"MessageSystemAttributeList": {
		"MessageSystemAttributeName",
	},
	"MessageList":               {"Message"},
	"QueueUrlList":              {"QueueUrl"},
	"StringList":                {"StringListValue"},
	"TagKeyList":                {"TagKey"},
	"BatchResultErrorEntryList": {"BatchResultErrorEntry"},
	"ChangeMessageVisibilityBatchRequestEntryList": {"ChangeMessageVisibilityBatchRequestEntry"},
	"ChangeMessageVisibilityBatchResultEntryList":  {"ChangeMessageVisibilityBatchResultEntry"},
	"DeleteMessageBatchRequestEntryList":           {"DeleteMessageBatchRequestEntry"},
	"DeleteMessageBatchResultEntryList":            {"DeleteMessageBatchResultEntry"},
	"ListMessageMoveTasksResultEntryList":          {"ListMessageMoveTasksResultEntry"},
	"SendMessageBatchRequestEntryList":             {"SendMessageBatchRequestEntry"},
	"SendMessageBatchResultEntryList":              {"SendMessageBatchResultEntry"},
	"MessageBodyAttributeMap":                      {"Name", "Value"},
	"MessageBodySystemAttributeMap":                {"Name", "Value"},
	"MessageSystemAttributeMap":                    {"Name", "Value"},
	"QueueAttributeMap":                            {"Name", "Value"},
	"TagMap":                                       {"Key", "Value"},
}

// sqsMaps are the query names of members that are maps, by the map's shape.
var sqsMaps = map[string]string{
	"MessageBodyAttributeMap":       "MessageAttribute",
	"MessageBodySystemAttributeMap": "MessageSystemAttribute",
	"MessageSystemAttributeMap":     "Attribute",
	"QueueAttributeMap":             "Attribute",
	"TagMap":                        "Tag",
}

// sqsCodes are the query protocol's codes of exceptions that it names otherwise.
var sqsCodes = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"PurgeQueueInProgress":         "AWS.SimpleQueueService.PurgeQueueInProgress",
	"QueueDeletedRecently":         "AWS.SimpleQueueService.QueueDeletedRecently",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"QueueNameExists":              "QueueAlreadyExists",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"UnsupportedOperation":         "AWS.SimpleQueueService.UnsupportedOperation",
	"KmsAccessDenied":              "KMS.AccessDeniedException",
	"KmsDisabled":                  "KMS.DisabledException",
	"KmsInvalidKeyUsage":           "KMS.InvalidKeyUsageException",
	"KmsInvalidState":              "KMS.InvalidStateException",
	"KmsNotFound":                  "KMS.NotFoundException",
	"KmsOptInRequired":             "KMS.OptInRequired",
	"KmsThrottled":                 "KMS.ThrottlingException",
}

// amend adds what the model leaves out: to SQS its second protocol, and to both
// messaging services that what is sent is nobody's but the receivers'.
func (s *service) amend() error {
	switch s.pkg {
	case "sqs":
		return s.amendSQS()
	case "sns":
		for _, name := range []string{"message", "subject", "MessageAttributeMap"} {
			sh := s.Shapes[name]
			sh.Sensitive = true
			s.Shapes[name] = sh
		}
		// Both are links in messages (SNS Developer Guide, "HTTP/HTTPS subscription
		// confirmation JSON format").
		for _, name := range []string{"ConfirmSubscription", "Unsubscribe"} {
			op := s.Operations[name]
			op.AuthType = "none"
			s.Operations[name] = op
		}
	}
	return nil
}

func (s *service) amendSQS() error {
	s.Metadata.Protocols = append(s.Metadata.Protocols, "query")
	s.Metadata.XMLNamespace = "http://queue.amazonaws.com/doc/2012-11-05/"
	s.Shapes["MessageText"] = shape{Type: "string", Sensitive: true}
	for name, items := range sqsItems {
		sh, ok := s.Shapes[name]
		if !ok {
			return fmt.Errorf("no shape %s to amend", name)
		}
		if sh.Member != nil {
			sh.Member.LocationName = items[0]
		} else {
			sh.Key.LocationName, sh.Value.LocationName = items[0], items[1]
			sh.Sensitive = name == "MessageBodyAttributeMap"
		}
		s.Shapes[name] = sh
	}
	// SQS answers InvalidAttributeName itself for a name that it does not know.
	for _, name := range []string{"QueueAttributeName", "MessageSystemAttributeName", "MessageSystemAttributeNameForSends"} {
		sh := s.Shapes[name]
		sh.Enum = nil
		s.Shapes[name] = sh
	}
	for name, code := range sqsCodes {
		sh := s.Shapes[name]
		sh.Error.Code = code
		s.Shapes[name] = sh
	}
	for name, sh := range s.Shapes {
		if sh.Type != "structure" || len(sh.Members) == 0 {
			continue
		}
		if err := sh.amendMembers(); err != nil {
			return fmt.Errorf("shape %s: %w", name, err)
		}
		s.Shapes[name] = sh
	}
	return nil
}

// amendMembers gives maps their query names, and bodies a shape that stays out of
// logs. It writes the members in the order in which they came.
func (sh *shape) amendMembers() error {
	out := []byte{'{'}
	err := ordered(sh.Members, func(name string, r *reference) error {
		r.QueryName = sqsMaps[r.Shape]
		if name == "MessageBody" || name == "Body" {
			r.Shape = "MessageText"
		}
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(fmt.Appendf(out, "%q:", name), b...)
		return nil
	})
	sh.Members = append(out, '}')
	return err
}
