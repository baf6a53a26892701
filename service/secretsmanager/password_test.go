package secretsmanager_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	number = "0123456789"
	marks  = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

func TestGetRandomPassword(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	yes, no := aws.Bool(true), aws.Bool(false)
	for _, tt := range []struct {
		name          string
		in            secretsmanager.GetRandomPasswordInput
		length        int
		only, each    string // characters that may come, and kinds of which one must
		fault         string
		spacesPresent bool
	}{
		{name: "by default", length: 32, only: lower + upper + number + marks, each: "luns"},
		{name: "of four", in: secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(4)}, length: 4, only: lower + upper + number + marks, each: "luns"},
		{name: "the longest", in: secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(4096)}, length: 4096, only: lower + upper + number + marks, each: "luns"},
		{name: "too short", in: secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(3)}, fault: "InvalidParameterException: Password length is too short based on the required types."},
		{name: "short without each", in: secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(1), RequireEachIncludedType: no}, length: 1, only: lower + upper + number + marks},
		{name: "no numbers", in: secretsmanager.GetRandomPasswordInput{ExcludeNumbers: yes}, length: 32, only: lower + upper + marks, each: "lus"},
		{name: "no punctuation", in: secretsmanager.GetRandomPasswordInput{ExcludePunctuation: yes}, length: 32, only: lower + upper + number, each: "lun"},
		{name: "numbers alone", in: secretsmanager.GetRandomPasswordInput{ExcludePunctuation: yes, ExcludeLowercase: yes, ExcludeUppercase: yes, PasswordLength: aws.Int64(6)}, length: 6, only: number, each: "n"},
		{name: "without some", in: secretsmanager.GetRandomPasswordInput{ExcludeCharacters: aws.String("abc\"@/\\01"), PasswordLength: aws.Int64(500)}, length: 500, only: "defghijklmnopqrstuvwxyz" + upper + "23456789" + "!#$%&'()*+,-.:;<=>?[]^_`{|}~", each: "luns"},
		{name: "with spaces", in: secretsmanager.GetRandomPasswordInput{IncludeSpace: yes, PasswordLength: aws.Int64(4096)}, length: 4096, only: " " + lower + upper + number + marks, each: "luns", spacesPresent: true},
		{name: "spaces excluded", in: secretsmanager.GetRandomPasswordInput{IncludeSpace: yes, ExcludeCharacters: aws.String(" "), PasswordLength: aws.Int64(4096)}, length: 4096, only: lower + upper + number + marks, each: "luns"},
		{name: "a kind without characters", in: secretsmanager.GetRandomPasswordInput{ExcludeCharacters: aws.String(number)}, fault: "InvalidParameterException: All characters of the desired type have been excluded."},
		{name: "that kind not required", in: secretsmanager.GetRandomPasswordInput{ExcludeCharacters: aws.String(number), RequireEachIncludedType: no}, length: 32, only: lower + upper + marks},
		{name: "nothing left", in: secretsmanager.GetRandomPasswordInput{ExcludePunctuation: yes, ExcludeLowercase: yes, ExcludeUppercase: yes, ExcludeNumbers: yes}, fault: "InvalidParameterException: All characters have been excluded from selection."},
		{name: "none", in: secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(0)}, fault: "ValidationException: "},
		{name: "too long", in: secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(4097)}, fault: "ValidationException: "},
	} {
		out, err := c.GetRandomPassword(t.Context(), &tt.in)
		if tt.fault != "" || err != nil {
			if got := garrisontest.Fault(err); tt.fault == "" || !strings.HasPrefix(got, tt.fault) {
				t.Errorf("%s: %q, want %q", tt.name, got, tt.fault)
			}
			continue
		}
		got := *out.RandomPassword
		if len(got) != tt.length || strings.Trim(got, tt.only) != "" || strings.Contains(got, " ") != tt.spacesPresent {
			t.Errorf("%s: %q, want %d of %q", tt.name, got, tt.length, tt.only)
		}
		for kind, chars := range map[string]string{"l": lower, "u": upper, "n": number, "s": marks} {
			if strings.Contains(tt.each, kind) && !strings.ContainsAny(got, chars) {
				t.Errorf("%s: %q has none of %q", tt.name, got, chars)
			}
		}
	}
}
