package iam

import "testing"

// TestLinkedPolicies shows that each policy of a service's role is there.
func TestLinkedPolicies(t *testing.T) {
	t.Parallel()
	all := embeddedPolicies()
	for _, service := range []string{
		"mrk.kms.amazonaws.com", "cks.kms.amazonaws.com", "guardduty.amazonaws.com", "malware-protection.guardduty.amazonaws.com",
		"inspector2.amazonaws.com", "agentless.inspector2.amazonaws.com", "macie.amazonaws.com", "shield.amazonaws.com",
		"fms.amazonaws.com", "wafv2.amazonaws.com", "acm.amazonaws.com", "ssm.amazonaws.com", "organizations.amazonaws.com",
		"cloudtrail.amazonaws.com", "replication.dynamodb.amazonaws.com", "globalaccelerator.amazonaws.com",
		"elasticloadbalancing.amazonaws.com", "rds.amazonaws.com",
	} {
		if linkedRole(service) == "" || all[linkedPolicy(service)] == nil {
			t.Errorf("%s: role %q with policy %q, which is not there", service, linkedRole(service), linkedPolicy(service))
		}
	}
}

func BenchmarkEmbeddedPolicies(b *testing.B) {
	for b.Loop() {
		embeddedPolicies()
	}
}
