package eventbridge_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// BenchmarkPutEvents puts ten events a call to a bus of 300 rules, none of which
// matches.
func BenchmarkPutEvents(b *testing.B) {
	c := eventbridge.NewFromConfig(garrisontest.Start(b).Config)
	for i := range 300 {
		if _, err := c.PutRule(b.Context(), &eventbridge.PutRuleInput{
			Name: aws.String(fmt.Sprint("r", i)), EventPattern: aws.String(fmt.Sprintf(`{"source":["shop"],"detail":{"kind":["k%d"],"n":[{"numeric":[">",5]}]}}`, i)),
		}); err != nil {
			b.Fatal(err)
		}
	}
	var entries []types.PutEventsRequestEntry
	for range 10 {
		entries = append(entries, entry("shop", "order", `{"kind":"other","n":7}`))
	}
	for b.Loop() {
		if _, err := c.PutEvents(b.Context(), &eventbridge.PutEventsInput{Entries: entries}); err != nil {
			b.Fatal(err)
		}
	}
}
