package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/iam"
)

type examined map[string][]string

func (c examined) Values(key string) ([]string, bool) { v, ok := c[key]; return v, ok }

const examinedKey = `{"Version":"2012-10-17","Statement":[
  {"Sid":"root","Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"},
  {"Sid":"other","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},"Action":"kms:Decrypt","Resource":"*"},
  {"Sid":"cond","Effect":"Deny","Principal":"*","Action":"kms:Decrypt","NotResource":"arn:aws:kms:*:*:key/b",
   "Condition":{"StringEquals":{},"StringLike":{"aws:UserAgent":["x*","y"]},"NumericLessThan":{"n:one":5,"n:two":7}}}]}`

// TestExamine says of each statement which elements fit, and of conditions what
// was wanted and what was there.
func TestExamine(t *testing.T) {
	t.Parallel()
	r := &iam.Request{
		Action: "KMS:decrypt", Resource: "arn:aws:kms:us-east-1:111122223333:key/b",
		Principal: iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::111122223333:user/ann", Account: "111122223333"},
		Context:   examined{"aws:useragent": {"z"}, "n:one": {"4"}},
	}
	got, err := iam.Examine(examinedKey, iam.KeyPolicy, r, false)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, s := range got {
		lines = append(lines, fmt.Sprintf("%d %s deny=%t fits=%t/%t/%t/%t account=%t %v", s.Index, s.Sid, s.Deny, s.Principal, s.Action, s.Resource, s.Fits(), s.Delegates, s.Unmet))
	}
	want := []string{
		"0 root deny=false fits=true/true/true/true account=true []",
		"1 other deny=false fits=false/true/true/false account=false []",
		"2 cond deny=true fits=true/true/false/false account=false [{StringLike aws:UserAgent [x* y] [z]} {NumericLessThan n:two [7] []}]",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("Examine =\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if text := got[1].Text; !strings.HasPrefix(text, `{"Sid":"other"`) || !strings.HasSuffix(text, `}`) {
		t.Errorf("Text = %s", text)
	}
	if _, err := iam.Examine("{", iam.KeyPolicy, r, false); err == nil {
		t.Error("Examine took what is no document")
	}
}

// TestExamineAgreesWithExplain holds both to the same statements.
func TestExamineAgreesWithExplain(t *testing.T) {
	t.Parallel()
	p, err := iam.Parse(examinedKey, iam.KeyPolicy)
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"kms:Decrypt", "kms:Encrypt", "s3:GetObject"} {
		for _, resource := range []string{"arn:aws:kms:us-east-1:111122223333:key/a", "arn:aws:kms:us-east-1:111122223333:key/b"} {
			for _, user := range []string{"ann", "bob"} {
				for _, agent := range []string{"x1", "z"} {
					r := &iam.Request{
						Action: action, Resource: resource,
						Principal: iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::111122223333:user/" + user, Account: "111122223333"},
						Context:   examined{"aws:useragent": {agent}, "n:one": {"1"}, "n:two": {"2"}},
					}
					want := ""
					for _, ref := range iam.Explain(r, &iam.Policies{Resource: p}) {
						want += ref.Sid + " "
					}
					got, err := iam.Examine(examinedKey, iam.KeyPolicy, r, false)
					if err != nil {
						t.Fatal(err)
					}
					said := ""
					for i := range got {
						if got[i].Fits() {
							said += got[i].Sid + " "
						}
					}
					if said != want {
						t.Errorf("%s on %s by %s with %s: Examine finds %q, Explain %q", action, resource, user, agent, said, want)
					}
				}
			}
		}
	}
}
