package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// A shape is what statements of 20 policies of 50 look like. Only the last
// statement of the last policy allows what decrypt asks for.
type shape struct {
	name string
	// statement is the inside of the n-th of 1,000.
	statement func(n int) string
}

const others = `arn:aws:kms:*:111122223333:key/other-%d`

// shapes go from what an index of actions skips to what must be judged in full.
var shapes = []shape{
	{"other services", func(n int) string {
		service := []string{"s3", "ec2", "sqs", "sns", "glue", "logs", "lambda"}[n%7]
		return fmt.Sprintf(`"Effect":%q,"Action":["%s:Get%d*","%s:List*"],"Resource":"arn:aws:%s:::thing-%d/*"`,
			effect(n), service, n, service, service, n)
	}},
	{"other actions", func(n int) string {
		return fmt.Sprintf(`"Effect":%q,"Action":["kms:List*","kms:Generate%d*"],"Resource":"*"`, effect(n), n)
	}},
	{"other resources", func(n int) string {
		return fmt.Sprintf(`"Effect":%q,"Action":["kms:Encrypt","kms:Decrypt"],"Resource":%q`, effect(n), fmt.Sprintf(others, n))
	}},
	{"other conditions", func(n int) string {
		return fmt.Sprintf(`"Effect":%q,"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue-%d"}}`, effect(n), n)
	}},
}

// effect denies every fourth time: what denies must be looked at even after
// something allowed.
func effect(n int) string {
	if n%4 == 3 {
		return "Deny"
	}
	return "Allow"
}

// policies are 20 identity policies of 50 statements of the shape.
func (s shape) policies(t testing.TB) *iam.Policies {
	t.Helper()
	out := &iam.Policies{}
	for p := range 20 {
		statements := make([]string, 50)
		for i := range statements {
			statements[i] = "{" + s.statement(p*50+i) + "}"
		}
		if p == 19 {
			statements[49] = `{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:*:key/${aws:username}"}`
		}
		policy, err := iam.Parse(`{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`, iam.IdentityPolicy)
		if err != nil {
			t.Fatal(err)
		}
		out.Identity = append(out.Identity, policy)
	}
	return out
}

// TestLargeWithoutAllocations holds the allow path of every shape to none.
func TestLargeWithoutAllocations(t *testing.T) {
	for _, s := range shapes {
		policies := s.policies(t)
		if d := iam.Evaluate(&decrypt, policies); !d.Allowed {
			t.Errorf("%s: denied %s", s.name, d.Because())
		}
		if got := testing.AllocsPerRun(20, func() { iam.Evaluate(&decrypt, policies) }); got != 0 {
			t.Errorf("%s: allocations = %v, want 0", s.name, got)
		}
	}
}

func BenchmarkEvaluateLarge(b *testing.B) {
	for _, s := range shapes {
		policies := s.policies(b)
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !iam.Evaluate(&decrypt, policies).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}
