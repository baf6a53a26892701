package ssm

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A changeDetail is the detail of a "Parameter Store Change".
type changeDetail struct {
	Operation   string `json:"operation"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
	// Version and Labels are of a LabelParameterVersion.
	Version string   `json:"version,omitempty"`
	Labels  []string `json:"labels,omitempty"`
}

// A ruleDetail is the detail of a "Parameter Store Policy Action".
type ruleDetail struct {
	Name    string `json:"parameter-name"`
	Type    string `json:"parameter-type"`
	Policy  string `json:"policy-type"`
	Content string `json:"policy-content"`
	Status  string `json:"action-status"`
	Reason  string `json:"action-reason"`
}

// tellChange tells of a Create, an Update or a Delete.
func (s *Service) tellChange(tx *store.Tx, p *parameter, operation string) error {
	return tell(s, tx, p, "Parameter Store Change", &changeDetail{
		Operation: operation, Name: p.name(), Type: string(p.Latest.Type), Description: p.Latest.Description,
	})
}

func (s *Service) tellLabels(tx *store.Tx, p *parameter, number int64, labels []string) error {
	return tell(s, tx, p, "Parameter Store Change", &changeDetail{
		Operation: "LabelParameterVersion", Name: p.name(), Type: string(p.Latest.Type), Description: p.Latest.Description,
		Version: strconv.FormatInt(number, 10), Labels: labels,
	})
}

// tellRule tells that a policy has done what it says.
func (s *Service) tellRule(tx *store.Tx, p *parameter, r *rule) error {
	reasons := map[string]string{
		expiration:       "The parameter has expired and was deleted.",
		expirationNotice: "The parameter will expire soon.",
		noChange:         "The parameter has not been changed for the time of the policy.",
	}
	return tell(s, tx, p, "Parameter Store Policy Action", &ruleDetail{
		Name: p.name(), Type: string(p.Latest.Type), Policy: r.Type, Content: r.Text, Status: "Success", Reason: reasons[r.Type],
	})
}

func tell[T any](s *Service, tx *store.Tx, p *parameter, kind string, detail *T) error {
	if s.events == nil {
		return nil
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("write the event of %s: %w", p.arn(), err)
	}
	return s.events.Put(tx, &Event{
		Account: p.Account, Region: p.Region, Time: tx.Now(), DetailType: kind, Resources: []string{p.arn()}, Detail: b,
	})
}
