package iam

const (
	mfaNoun      = "mfa"
	mfaInUseNoun = "mfa-in-use"
)
