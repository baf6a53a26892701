// Package arn names things the way AWS does. It adds to the SDK's own ARN type
// what every service needs: the partition of a Region, and one line to build a
// name.
package arn

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// ARN is an Amazon Resource Name taken apart.
type ARN = arn.ARN

// Parse takes an ARN apart. It checks the form only, not whether the resource exists.
func Parse(s string) (ARN, error) { return arn.Parse(s) }

// New builds an ARN in the partition that region belongs to. Global services
// pass an empty region and so name things in the partition "aws".
func New(service, region, account, resource string) string {
	return "arn:" + Partition(region) + ":" + service + ":" + region + ":" + account + ":" + resource
}

// Partition returns the partition of a Region by the prefix that AWS gives it.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// Root names the root user of an account: the principal that stands for the
// whole account in a resource policy.
func Root(account string) string { return New("iam", "", account, "root") }

// IsAccount reports whether s has the form of an account id: twelve digits.
func IsAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
