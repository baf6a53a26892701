package lambda_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// BenchmarkInvoke measures a warm function, client included.
func BenchmarkInvoke(b *testing.B) {
	r := start(b, "")
	r.create(b, r.python(b, "f", "def handler(e, c): return e"))
	in := &lambda.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(`{"a":1}`)}
	for b.Loop() {
		if _, err := r.c.Invoke(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
