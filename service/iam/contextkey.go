package iam

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A keyList collects the context keys that policies refer to, each once, in the
// spelling of its first mention.
type keyList struct {
	names []string
	seen  map[string]bool
}

func (l *keyList) add(key string) {
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	if !l.seen[fold(key)] {
		l.seen[fold(key)] = true
		l.names = append(l.names, key)
	}
}

// read adds the keys of a document that engine/iam has accepted: those under
// condition operators, and the variables in resources and conditions.
func (l *keyList) read(document string) error {
	var whole object
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		return fmt.Errorf("read a policy: %w", err)
	}
	statements, err := oneOrMany[object](whole["Statement"])
	if err != nil {
		return err
	}
	for _, st := range statements {
		l.variables(string(st["Resource"]))
		l.variables(string(st["NotResource"]))
		if err := l.conditions(st["Condition"]); err != nil {
			return err
		}
	}
	return nil
}

func (l *keyList) conditions(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	var operators map[string]object
	if err := json.Unmarshal(raw, &operators); err != nil {
		return fmt.Errorf("read a policy's conditions: %w", err)
	}
	for _, operator := range sortedKeys(operators) {
		for _, key := range sortedKeys(operators[operator]) {
			l.add(key)
			l.variables(string(operators[operator][key]))
		}
	}
	return nil
}

// variables adds what stands between ${ and }, up to a default's comma. The
// escapes for *, ? and $ are no keys.
func (l *keyList) variables(text string) {
	for {
		_, rest, found := strings.Cut(text, "${")
		if !found {
			return
		}
		name, after, _ := strings.Cut(rest, "}")
		key, _, _ := strings.Cut(name, ",")
		if strings.Contains(key, ":") {
			l.add(strings.TrimSpace(key))
		}
		text = after
	}
}

// contextKeys returns the keys of all the policies.
func contextKeys(sources []source) ([]string, error) {
	l := keyList{names: []string{}}
	for i := range sources {
		if err := l.read(sources[i].document); err != nil {
			return nil, err
		}
	}
	return l.names, nil
}

// GetContextKeysForCustomPolicy lists the context keys that policies refer to.
func (s *Service) GetContextKeysForCustomPolicy(_ context.Context, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	given, err := inputPolicies(in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	names, err := contextKeys(given)
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: names}, err
}

// GetContextKeysForPrincipalPolicy lists the context keys that the policies of a
// user, group or role refer to, and those given with it.
func (s *Service) GetContextKeysForPrincipalPolicy(ctx context.Context, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPrincipalPolicyOutput, error) {
	given, err := inputPolicies(in.PolicyInputList)
	if err != nil {
		return nil, err
	}
	var held *holding
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		held, err = s.held(tx, *in.PolicySourceArn)
		return err
	})
	if err != nil {
		return nil, err
	}
	names, err := contextKeys(append(held.sources, given...))
	return &iam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: names}, err
}
