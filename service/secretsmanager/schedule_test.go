package secretsmanager_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/service/secretsmanager"
)

// TestSchedules plans rotations one after the other. NextRotationDate is the last
// second of a window.
func TestSchedules(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 13, 30, 0, 0, time.UTC) // a Friday
	for _, tt := range []struct {
		name  string
		rules types.RotationRulesType
		want  []string // begin, and end
	}{
		{"days", types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(7)}, []string{"01-09 00:00 to 01-10 00:00", "01-16 00:00 to 01-17 00:00"}},
		{"days, a window", types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(7), Duration: aws.String("2h")}, []string{"01-09 00:00 to 01-09 02:00", "01-16 00:00 to 01-16 02:00"}},
		{"rate in days", types.RotationRulesType{ScheduleExpression: aws.String("rate(10 days)")}, []string{"01-12 00:00 to 01-13 00:00", "01-22 00:00 to 01-23 00:00"}},
		{"rate in hours", types.RotationRulesType{ScheduleExpression: aws.String("rate(5 hours)")}, []string{"01-02 15:00 to 01-02 16:00", "01-02 20:00 to 01-02 21:00", "01-03 01:00 to 01-03 02:00", "01-03 06:00 to 01-03 07:00"}},
		{"cron in hours", types.RotationRulesType{ScheduleExpression: aws.String("cron(0 4/12 * * ? *)")}, []string{"01-02 16:00 to 01-02 17:00", "01-03 04:00 to 01-03 05:00"}},
		{"cron in days", types.RotationRulesType{ScheduleExpression: aws.String("cron(0 16 1,15 * ? *)")}, []string{"01-15 16:00 to 01-16 00:00", "02-01 16:00 to 02-02 00:00"}},
		{"cron, a window", types.RotationRulesType{ScheduleExpression: aws.String("cron(0 2 ? * SAT#1 *)"), Duration: aws.String("6h")}, []string{"01-03 02:00 to 01-03 08:00", "02-07 02:00 to 02-07 08:00"}},
	} {
		at := now
		plan, err := secretsmanager.NewPlan(&tt.rules, at)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for i, want := range tt.want {
			const form = "01-02 15:04"
			if got := plan.Next.Format(form) + " to " + plan.Closes.Format(form); got != want {
				t.Errorf("%s: window %d is %s, want %s", tt.name, i, got, want)
			}
			if err := plan.Move(plan.Next.Add(time.Second)); err != nil {
				t.Fatal(err)
			}
		}
	}
}
