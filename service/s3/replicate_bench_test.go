package s3_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// BenchmarkReplicate puts 200 objects of 4 KiB a second and measures how far behind each
// replica is: from the answer to the put until the other Region has it. The data
// directory is a real one.
//
//	go test ./service/s3 -run xxx -bench Replicate -benchtime 1000x
func BenchmarkReplicate(b *testing.B) {
	r := newReplicaRig(b, trustS3, mayReplicate, func(c *server.Config) { c.Data = b.TempDir() })
	r.set(b, rule("target", 1))
	machine, body := clock.System{}, pattern(4<<10)
	var (
		mu     sync.Mutex
		behind []time.Duration
		wg     sync.WaitGroup
	)
	begin := machine.Now()
	for i := range b.N {
		if err := machine.Until(b.Context(), begin.Add(time.Duration(i)*time.Second/200)); err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			key := strconv.Itoa(i)
			put(b, r.source, "source", key, body)
			from := machine.Now()
			if !garrisontest.Eventually(func() bool {
				_, err := r.target.HeadObject(b.Context(), &s3.HeadObjectInput{Bucket: aws.String("target"), Key: &key})
				return err == nil
			}) {
				b.Errorf("%s has not arrived", key)
			}
			mu.Lock()
			defer mu.Unlock()
			behind = append(behind, machine.Now().Sub(from))
		})
	}
	wg.Wait()
	slices.Sort(behind)
	b.ReportMetric(float64(behind[len(behind)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(behind[len(behind)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(b.N)/machine.Now().Sub(begin).Seconds(), "objects/s")
}
