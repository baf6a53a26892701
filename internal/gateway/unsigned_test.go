package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestAnonymousNeedsTheModel: a service that lets nobody in by mistake is not
// enough, as long as AWS's model does not say the same.
func TestAnonymousNeedsTheModel(t *testing.T) {
	t.Parallel()
	r := newRig(t, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`)
	r.describeKey = func(context.Context, *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
		t.Error("the handler ran for nobody")
		return &kms.DescribeKeyOutput{}, nil
	}
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(`{"KeyId":"k"}`))
	q.Header.Set("X-Amz-Target", "TrentService.DescribeKey")
	q.Header.Set("Content-Type", "application/x-amz-json-1.1")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	if w.Code < 400 || !strings.Contains(w.Body.String(), "MissingAuthenticationToken") {
		t.Errorf("answer %d %s, want MissingAuthenticationToken", w.Code, w.Body)
	}
}
