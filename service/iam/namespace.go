package iam

// namespaces are the services that reports on access speak of, by the prefix of
// their actions, with their names (Service Authorization Reference, "Actions,
// resources, and condition keys for AWS services"). They are those that this
// program serves or is to serve.
func namespaces() map[string]string {
	return map[string]string{ //nolint:gosec // names of services, no credentials
		"access-analyzer":      "AWS Identity and Access Management Access Analyzer",
		"account":              "AWS Account Management",
		"acm":                  "AWS Certificate Manager",
		"acm-pca":              "AWS Private Certificate Authority",
		"cloudtrail":           "AWS CloudTrail",
		"cloudwatch":           "Amazon CloudWatch",
		"config":               "AWS Config",
		"dynamodb":             "Amazon DynamoDB",
		"ebs":                  "Amazon Elastic Block Store",
		"ec2":                  "Amazon EC2",
		"elasticloadbalancing": "Elastic Load Balancing",
		"events":               "Amazon EventBridge",
		"fms":                  "AWS Firewall Manager",
		"globalaccelerator":    "AWS Global Accelerator",
		"guardduty":            "Amazon GuardDuty",
		"iam":                  "AWS Identity and Access Management",
		"inspector2":           "Amazon Inspector2",
		"kms":                  "AWS Key Management Service",
		"lambda":               "AWS Lambda",
		"logs":                 "Amazon CloudWatch Logs",
		"macie2":               "Amazon Macie",
		"organizations":        "AWS Organizations",
		"rds":                  "Amazon RDS",
		"s3":                   "Amazon S3",
		"secretsmanager":       "AWS Secrets Manager",
		"securityhub":          "AWS Security Hub",
		"shield":               "AWS Shield",
		"sns":                  "Amazon SNS",
		"sqs":                  "Amazon SQS",
		"ssm":                  "AWS Systems Manager",
		"sts":                  "AWS Security Token Service",
		"tag":                  "Amazon Resource Group Tagging API",
		"wafv2":                "AWS WAF V2",
	}
}
