package ssm_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestConcurrentPuts shows that each of many changes at once is a version of its
// own, or is refused.
func TestConcurrentPuts(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	secret(t, c, "/busy", "0", "", "")
	const writers, each = 8, 6
	var mu sync.Mutex // guards values
	values := map[int64]string{}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				value := fmt.Sprint(w, ".", i)
				in := &ssm.PutParameterInput{Name: aws.String("/busy"), Value: &value, Overwrite: aws.Bool(true)}
				if i == each/2 {
					in.Tier = types.ParameterTierAdvanced // others have sealed for the other tier
				}
				out, err := c.PutParameter(t.Context(), in)
				if code := garrisontest.ErrorCode(err); code == "TooManyUpdates" {
					continue
				} else if code != "" {
					t.Errorf("put: %v", err)
					continue
				}
				mu.Lock()
				if values[out.Version] != "" {
					t.Errorf("version %d twice", out.Version)
				}
				values[out.Version] = value
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(values) < writers {
		t.Errorf("%d changes were taken", len(values))
	}
	for n, value := range values {
		wantValue(t, c, fmt.Sprint("/busy:", n), value)
	}
}
