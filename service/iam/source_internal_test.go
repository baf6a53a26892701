package iam

import (
	"strings"
	"testing"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

// FuzzSource shows that every document that the engine accepts can be read for
// its keys, and that its statements stand where they are told to stand.
func FuzzSource(f *testing.F) {
	for _, document := range []string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		`{"Id":"Statement","Version":"2012-10-17","Statement" : [ {"Effect":"Allow","Action":"a:b","Resource":"${aws:username}"} ,
{"Sid":"é","Effect":"Deny","NotAction":"a:*","NotResource":["arn:aws:s3:::${x:y, 'd'}"],"Condition":{"Null":{"a:b":"true"}}}]}`,
	} {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document string) {
		p, err := engine.Parse(document, engine.IdentityPolicy)
		if err != nil {
			return
		}
		c := &source{document: document}
		if _, err := contextKeys([]source{*c}); err != nil {
			t.Fatalf("keys of %s: %v", document, err)
		}
		lines := strings.Split(document, "\n")
		request := &engine.Request{Action: "a:b", Resource: "*", Principal: engine.Principal{Kind: engine.User, Account: "111122223333"}}
		for _, ref := range engine.Explain(request, &engine.Policies{Identity: []*engine.Policy{p}}) {
			start, end := c.place(ref.Index)
			if start == nil || end == nil {
				t.Fatalf("statement %d of %s has no place", ref.Index, document)
			}
			line := []rune(lines[end.Line-1])
			if last := line[end.Column-2]; last != '}' {
				t.Errorf("statement %d of %s ends in %q", ref.Index, document, last)
			}
			if start.Line > end.Line || start.Line == end.Line && start.Column >= end.Column {
				t.Errorf("statement %d of %s: from %+v to %+v", ref.Index, document, start, end)
			}
		}
	})
}
