package cloudtrail_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	ours "github.com/garrison-cloud/garrison/service/cloudtrail"
)

// BenchmarkTake measures what one trail costs each event.
func BenchmarkTake(b *testing.B) {
	take := ours.Compiled(&cloudtrail.GetEventSelectorsOutput{
		TrailARN:       aws.String(trailARN(garrisontest.Region, "trail")),
		EventSelectors: []types.EventSelector{{ExcludeManagementEventSources: []string{"rdsdata.amazonaws.com"}}},
	})
	e := samples["kms read"]
	complete(&e)
	b.ReportAllocs()
	for b.Loop() {
		if !take(&e) {
			b.Fatal("the event was not taken")
		}
	}
}
