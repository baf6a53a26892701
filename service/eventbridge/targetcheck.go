package eventbridge

import (
	"encoding/json"
	"strings"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A kind is which service a target is of.
type kind int

const (
	unknownKind kind = iota
	queueKind
	topicKind
	functionKind
	logGroupKind
	busKind
	destinationKind
)

// kindOf tells what an ARN names, unknownKind if EventBridge here delivers to no such
// thing.
func kindOf(a arn.ARN) kind {
	is := func(prefix string) bool {
		return strings.HasPrefix(a.Resource, prefix) && len(a.Resource) > len(prefix)
	}
	switch {
	case a.Service == "sqs" && is(""):
		return queueKind
	case a.Service == "sns" && is(""):
		return topicKind
	case a.Service == "lambda" && is("function:"):
		return functionKind
	case a.Service == "logs" && is("log-group:"):
		return logGroupKind
	case a.Service == "events" && is("event-bus/"):
		return busKind
	case a.Service == "events" && is("api-destination/"):
		return destinationKind
	}
	return unknownKind
}

func badARN(text string) error {
	return invalid("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", text)
}

// checkQueue takes the ARN of a standard queue, for dead letters.
func checkQueue(text string) error {
	a, err := arn.Parse(text)
	switch {
	case err != nil || kindOf(a) != queueKind || !arn.IsAccount(a.AccountID) || a.Region == "":
		return badARN(text)
	case strings.HasSuffix(a.Resource, ".fifo"):
		return invalid("Parameter DeadLetterConfig is not valid. Reason: FIFO queues are not supported.")
	}
	return nil
}

// checkDestination takes a target's ARN with what goes with it.
func (s *Service) checkDestination(t *target) error {
	a, err := arn.Parse(t.ARN)
	if err != nil || !arn.IsAccount(a.AccountID) || a.Region == "" || a.Partition != arn.Partition(s.Region) {
		return badARN(t.ARN)
	}
	of := kindOf(a)
	switch {
	case of == unknownKind:
		return notBuilt("Targets of the service %s are", a.Service)
	case of != busKind && a.Region != s.Region:
		return badARN(t.ARN)
	case of == destinationKind && t.Role == "":
		return invalid("RoleArn is required for target %s.", t.ARN)
	case of == busKind && a.Region != s.Region && t.Role == "":
		return invalid("RoleArn is required for target %s.", t.ARN)
	case t.HTTP != nil && of != destinationKind:
		return invalid("Parameter HttpParameters is not valid for target %s.", t.ID)
	case of == queueKind && strings.HasSuffix(a.Resource, ".fifo") && t.Group == "":
		return invalid("Parameter(s) SqsParameters must be specified for target: %s.", t.ID)
	case t.Group != "" && of != queueKind:
		return invalid("Parameter(s) SqsParameters cannot be specified for target: %s.", t.ID)
	}
	return nil
}

// checkRole takes the ARN of a role of the account: AWS lets nobody hand over another
// account's.
func checkRole(role, account string) error {
	a, err := arn.Parse(role)
	switch {
	case err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/"):
		return invalid("RoleArn %s is not valid.", role)
	case a.AccountID != account:
		return wire.AccessDenied.In(wire.JSON11, "Cross-account pass role is not allowed.")
	}
	return nil
}

// checkOwner refuses what of a target must be of its rule's account: the role, and an
// API destination, whose secrets are its owner's.
func (t *target) checkOwner(account string) error {
	if t.Role != "" {
		if err := checkRole(t.Role, account); err != nil {
			return err
		}
	}
	if a, err := arn.Parse(t.ARN); err == nil && kindOf(a) == destinationKind && a.AccountID != account {
		return badARN(t.ARN)
	}
	return nil
}

// maxPaths is how many variables a transformer defines (EventBridge API Reference,
// InputTransformer).
const maxPaths = 100

// checkInput takes one way of making the input at most.
func (t *target) checkInput() error {
	ways := 0
	for _, given := range []bool{t.Input != nil, t.InputPath != nil, t.Template != nil} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return invalid("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", t.ID)
	}
	switch {
	case t.Input != nil && !json.Valid([]byte(*t.Input)):
		return invalid("JSON text for target %s is not valid.", t.ID)
	case t.InputPath != nil:
		if _, err := eventpattern.ParsePath(*t.InputPath); err != nil {
			return invalid("Invalid InputPath for target %s : %s.", t.ID, *t.InputPath)
		}
	case t.Template != nil:
		for name := range t.Paths {
			if strings.HasPrefix(strings.ToLower(name), "aws") {
				return invalid("Invalid InputPathsMap for target %s : keys must not begin with AWS.", t.ID)
			}
		}
		if len(t.Paths) > maxPaths {
			return invalid("Invalid InputPathsMap for target %s : at most %d keys.", t.ID, maxPaths)
		}
		if _, err := eventpattern.ParseTemplate(*t.Template, t.Paths, predefined); err != nil {
			return invalid("Invalid InputTemplate for target %s : %s.", t.ID, err.Error())
		}
	}
	return nil
}
