package iam_test

import (
	"fmt"

	"github.com/garrison-cloud/garrison/engine/iam"
)

func ExampleEvaluate() {
	reader, err := iam.Parse(`{"Version":"2012-10-17","Statement":[
		{"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::reports/${aws:username}/*"}]}`, iam.IdentityPolicy)
	if err != nil {
		fmt.Println(err)
		return
	}
	policies := &iam.Policies{Identity: []*iam.Policy{reader.WithName("reader")}}
	alice := iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::111122223333:user/alice", Account: "111122223333"}
	for _, resource := range []string{"arn:aws:s3:::reports/alice/q1.txt", "arn:aws:s3:::reports/bob/q1.txt"} {
		d := iam.Evaluate(&iam.Request{
			Action: "s3:GetObject", Resource: resource, Principal: alice, Context: keys{"aws:username": {"alice"}},
		}, policies)
		by, _ := d.Match()
		fmt.Printf("%t %q %q %q\n", d.Allowed, by.Policy, by.Sid, d.Because())
	}
	// Output:
	// true "reader" "Read" ""
	// false "" "" "because no identity-based policy allows the s3:GetObject action"
}
