package iam_test

import (
	"testing"

	"github.com/garrison-cloud/garrison/engine/iam"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	everyone := func(condition string) string {
		return openStatement(`{"Effect":"Allow","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{` + condition + `}}`)
	}
	for _, tt := range []struct {
		name, document string
		want           bool
	}{
		{"a name", openStatement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"},"Action":"secretsmanager:*","Resource":"*"}`), false},
		{"accounts", openStatement(`{"Effect":"Allow","Principal":{"AWS":["111122223333","444455556666"]},"Action":"secretsmanager:*","Resource":"*"}`), false},
		{"a service", openStatement(`{"Effect":"Allow","Principal":{"Service":"connect.amazonaws.com"},"Action":"secretsmanager:*","Resource":"*"}`), false},
		{"everyone", openStatement(`{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}`), true},
		{"everyone as an account", openStatement(`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"secretsmanager:*","Resource":"*"}`), true},
		{"everyone among names", openStatement(`{"Effect":"Allow","Principal":{"AWS":["111122223333","*"]},"Action":"secretsmanager:*","Resource":"*"}`), true},
		{"an identity provider", openStatement(`{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"secretsmanager:*","Resource":"*"}`), true},
		{"a statement that is no list", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}}`, true},
		{"the second statement", openStatement(`{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"secretsmanager:*","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}`), true},
		{"everyone denied", openStatement(`{"Effect":"Deny","Principal":"*","Action":"secretsmanager:*","Resource":"*"}`), false},
		{"an organization", everyone(`"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}`), false},
		{"an account, by any value", everyone(`"ForAnyValue:StringEquals":{"aws:PrincipalAccount":["111122223333","444455556666"]}`), false},
		{"an account, unless absent", everyone(`"StringEqualsIfExists":{"aws:PrincipalAccount":"111122223333"}`), true},
		{"an account, by all values", everyone(`"ForAllValues:StringEquals":{"aws:PrincipalAccount":"111122223333"}`), true},
		{"not an account", everyone(`"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}`), true},
		{"a variable", everyone(`"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}`), true},
		{"any account", everyone(`"StringLike":{"aws:PrincipalAccount":"*"}`), true},
		{"roles of an account", everyone(`"ArnLike":{"AWS:principalARN":"arn:aws:iam::111122223333:role/app-*"}`), false},
		{"roles of any account", everyone(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/app-*"}`), true},
		{"one of two open", everyone(`"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::111122223333:role/a","arn:aws:iam::*:role/b"]}`), true},
		{"a network", everyone(`"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`), false},
		{"an address", everyone(`"IpAddress":{"aws:SourceIp":"192.0.2.1"}`), false},
		{"every address", everyone(`"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`), true},
		{"half of all addresses", everyone(`"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}`), true},
		{"IPv6", everyone(`"IpAddress":{"aws:SourceIp":"2001:db8::/32"}`), false},
		{"much of IPv6", everyone(`"IpAddress":{"aws:SourceIp":"2000::/3"}`), true},
		{"not an address", everyone(`"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}`), true},
		{"an endpoint", everyone(`"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}`), false},
		{"a key that names nobody", everyone(`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`), true},
		{"of two, one pins", everyone(`"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}`), false},
	} {
		if _, err := iam.Parse(tt.document, iam.ResourcePolicy); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := iam.Public(tt.document); got != tt.want {
			t.Errorf("%s: public = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// FuzzPublic holds the check to take whatever the grammar takes.
func FuzzPublic(f *testing.F) {
	f.Add(openStatement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"*","Resource":"*"}`))
	f.Add(`{"Statement":[]}`)
	f.Add(openStatement(`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*","Resource":"*","Condition":{"Bool":{"a:b":true},"NumericEquals":{"c:d":[1,2]}}}`))
	f.Fuzz(func(_ *testing.T, document string) {
		iam.Public(document)
	})
}

func openStatement(text string) string {
	return `{"Version":"2012-10-17","Statement":[` + text + `]}`
}
