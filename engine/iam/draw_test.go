package iam_test

// What random policies and requests are made of: few texts, so that they meet.
var (
	actionPatterns = []string{"s3:GetObject", "S3:putobject", "s3:Get*", "s3:*", "*", "*:Get*", "kms:De?rypt", "kms:*", "sts:AssumeRole"}
	actionNames    = []string{"s3:GetObject", "s3:PutObject", "S3:GETOBJECT", "kms:Decrypt", "kms:Encrypt", "sts:AssumeRole"}

	resourcePatterns = []string{
		"*", "*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k", "arn:aws:s3:::b/?", "arn:aws:s3:::b/${aws:username}",
		"arn:aws:s3:::b/${t:s, 'k'}", "arn:aws:s3:::b/${*}", "arn:aws:s3:::*/${T:S}*",
	}
	resourceNames = []string{"*", "arn:aws:s3:::b/k", "arn:aws:s3:::b/alice", "arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", "arn:aws:s3:::c/é"}

	principalNames = []string{
		"*", "arn:aws:iam::" + home + ":root", "444455556666",
		"arn:aws:iam::" + home + ":user/alice", "arn:aws:iam::" + home + ":role/app", "arn:aws:sts::" + home + ":assumed-role/app/one",
		"arn:aws:sts::" + home + ":federated-user/guest", "AIDABOBEXAMPLE000000", "AROAAPPEXAMPLE000000",
	}
	callers = []string{
		"root", "user alice", "user bob", "session app/one", "session app/two", "federated alice/guest", "federated alice/other",
		"user dave@444455556666", "session app/one@444455556666", "root @444455556666",
		"anonymous", "service s3.amazonaws.com", "web accounts.google.com", "saml corp",
	}
)

// A family is the operators that read the same values.
type family struct {
	operators, keys, values, have []string
}

var families = []family{
	{
		[]string{
			"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
		},
		[]string{"t:s", "aws:username", "aws:PrincipalTag/Team"},
		[]string{"alice", "a*", "?", "*", "", "${aws:username}", "${aws:PrincipalTag/team, 'red'}*", "x${*}", "Éa"},
		[]string{"alice", "ALICE", "a", "k", "x*", "xy", "red", "éA"},
	},
	{
		[]string{
			"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
		},
		[]string{"t:n"},
		[]string{"1", "1.0", "-2.5", "1e1"},
		[]string{"1", "01.00", "2", "-3", "-2.5", "10", "0x1", "1e"},
	},
	{
		[]string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"},
		[]string{"t:d"},
		[]string{"2024-01-01T00:00:00Z", "2024", "2024-02", "1704067200", "2023-12-31T22:00:00-02:00"},
		[]string{"2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2023-12-31T23:59:59.5Z", "1704067200", "-1", "2024-02-01", "2024-13"},
	},
	{[]string{"Bool"}, []string{"t:b"}, []string{"true", "FALSE", "${t:b}"}, []string{"true", "false", "True", "yes"}},
	{[]string{"BinaryEquals"}, []string{"t:bin"}, []string{"QUI=", "QUJD"}, []string{"QUI=", "QUJD", "QUI", "AB"}},
	{
		[]string{"IpAddress", "NotIpAddress"},
		[]string{"aws:SourceIp"},
		[]string{"10.0.0.0/8", "10.1.2.3", "192.0.2.77/24", "2001:db8::/32", "2001:db8::1"},
		[]string{"10.1.2.3", "10.9.9.9", "192.0.2.1", "2001:db8::1", "2001:db9::1", "::ffff:10.1.2.3"},
	},
	{
		[]string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"},
		[]string{"aws:SourceArn"},
		[]string{"arn:aws:sns:*:1:t*", "arn:aws:s3:::b/${aws:username}", "*", "arn:aws:sns:*", "arn:*:s?s:eu:1:a:*"},
		[]string{"arn:aws:sns:eu:1:topic", "arn:aws:sns:eu:x:1:topic", "arn:aws:s3:::b/alice", "arn:aws-cn:sqs:eu:1:a:b", "arn:aws"},
	},
	{[]string{"Null"}, []string{"t:s", "t:n"}, []string{"true", "false"}, []string{"alice"}},
}
