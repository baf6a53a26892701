package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// BenchmarkSimulate asks one action of one resource by two policies.
func BenchmarkSimulate(b *testing.B) {
	s, ctx := newService(b)
	in := &iam.SimulateCustomPolicyInput{
		PolicyInputList: []string{dated, allowAll}, ActionNames: []string{"dynamodb:CreateBackup"},
		ResourceArns: []string{"arn:aws:dynamodb:us-east-1:" + account + ":table/bob"},
	}
	for b.Loop() {
		if _, err := s.SimulateCustomPolicy(ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSetPassword hashes a password and keeps it.
func BenchmarkSetPassword(b *testing.B) {
	s, ctx := newService(b)
	name := aws.String("bob")
	if _, err := s.CreateUser(ctx, &iam.CreateUserInput{UserName: name}); err != nil {
		b.Fatal(err)
	}
	if _, err := s.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: name, Password: aws.String("Correct1horse")}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: name, Password: aws.String("Correct1horse")}); err != nil {
			b.Fatal(err)
		}
	}
}
