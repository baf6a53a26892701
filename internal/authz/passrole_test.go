package authz_test

import (
	"errors"
	"testing"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// TestPassRole shows that both condition keys of iam:PassRole are obeyed.
func TestPassRole(t *testing.T) {
	t.Parallel()
	const role, function = "arn:aws:iam::111122223333:role/worker", "arn:aws:lambda:us-east-1:111122223333:function:work"
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:PassRole","Resource":"` + role + `","Condition":{
		"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"},"ArnLike":{"iam:AssociatedResourceArn":"arn:aws:lambda:*:*:function:*"}}}]}`
	a := authz.New(directory{held: authz.Permissions{Identity: []*iam.Policy{mustParse(t, document, iam.IdentityPolicy)}}}, authz.NewCompiler(10))
	for _, tt := range []struct {
		name   string
		target authz.Target
		denied bool
	}{
		{"to the service, for its resource", authz.PassRole(role, "lambda.amazonaws.com", function), false},
		{"to another service", authz.PassRole(role, "ec2.amazonaws.com", function), true},
		{"for another resource", authz.PassRole(role, "lambda.amazonaws.com", "arn:aws:ec2:us-east-1:111122223333:instance/i-1"), true},
		{"for nothing in particular", authz.PassRole(role, "lambda.amazonaws.com", ""), true},
		{"another role", authz.PassRole(role+"2", "lambda.amazonaws.com", function), true},
	} {
		err := a.Check(t.Context(), factsOf("user"), "lambda:CreateFunction", tt.target)
		if _, denied := errors.AsType[*authz.Denied](err); denied != tt.denied {
			t.Errorf("%s: %v, want denied %v", tt.name, err, tt.denied)
		}
	}
}
