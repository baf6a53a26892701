package iam

import "fmt"

// A SyntaxError is what is wrong with a document, in AWS's words: the message of
// MalformedPolicyDocument and its relatives.
type SyntaxError struct{ Message string }

// Error returns the message.
func (e *SyntaxError) Error() string { return e.Message }

// AWS's words for what has none of its own.
const (
	syntaxErrors  = "Syntax errors in policy."
	legacyParsing = "The policy failed legacy parsing"
	invalidJSON   = "This policy contains invalid Json"
	notOfType     = "The provided policy document does not meet the requirements of the specified policy type."
)

// refuse returns what AWS says of a document of the parser's kind: IAM has words
// for identity policies, others for policies attached to resources, and
// Organizations has one sentence for all.
func (x *parser) refuse(identity, attached string) error {
	switch {
	case x.kind.organizational():
		return &SyntaxError{Message: notOfType}
	case x.kind.attached():
		return &SyntaxError{Message: attached}
	default:
		return &SyntaxError{Message: identity}
	}
}

func (x *parser) refusef(format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return x.refuse(message, message)
}

// badSyntax is said where elements are not of their type.
func (x *parser) badSyntax() error { return x.refuse(syntaxErrors, syntaxErrors) }

// badPrincipal differs between the services that own such policies.
func (x *parser) badPrincipal(kind, name string) error {
	switch x.kind {
	case TrustPolicy:
		return x.refusef(`Invalid principal in policy: "%s":"%s"`, kind, name)
	case KeyPolicy:
		return x.refusef("Policy contains a statement with one or more invalid principals.")
	default:
		return x.refusef("Invalid principal in policy")
	}
}
