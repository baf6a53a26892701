package cloudtrail

import (
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/audit"
)

// Compiled compiles the selectors of a single-Region trail, for tests.
func Compiled(out *cloudtrail.GetEventSelectorsOutput) func(*audit.Event) bool {
	a, err := arn.Parse(*out.TrailARN)
	if err != nil {
		panic(err)
	}
	t := &trail{Account: a.AccountID, Region: a.Region, Global: true, Logging: true, Custom: true}
	if t.Basic, err = parseBasic(out.EventSelectors); err != nil {
		panic(err)
	}
	if t.Advanced, err = parseAdvanced(out.AdvancedEventSelectors); err != nil {
		panic(err)
	}
	m := compile([]*trail{t})
	return func(e *audit.Event) bool { return len(m.take(e)) > 0 }
}
