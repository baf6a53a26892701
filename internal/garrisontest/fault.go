package garrisontest

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

// Fault returns "Code: message" of a server's error, "" for success, and the error's
// text for what is no answer.
func Fault(err error) string {
	if err == nil {
		return ""
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return err.Error()
}

// Want fails the test unless err begins with the code and message; "" is no error.
func Want(t testing.TB, err error, prefix string) {
	t.Helper()
	if got := Fault(err); prefix == "" && got != "" || !strings.HasPrefix(got, prefix) {
		t.Errorf("error = %q, want %q", got, prefix)
	}
}
