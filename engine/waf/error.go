package waf

import "fmt"

// Error is a fault of a specification, in the terms of AWS's
// WAFInvalidParameterException: Field is a ParameterExceptionField such as
// TEXT_TRANSFORMATION, Parameter the offending value, Reason why.
type Error struct{ Field, Parameter, Reason string }

// Error returns AWS's message form.
func (e *Error) Error() string {
	return fmt.Sprintf("Error reason: %s, field: %s, parameter: %s", e.Reason, e.Field, e.Parameter)
}

func invalid(field, parameter, reason string) error {
	return &Error{Field: field, Parameter: parameter, Reason: reason}
}
