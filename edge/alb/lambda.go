package alb

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
)

// maxLambda bounds a function's request content and its answer (Application Load Balancer
// guide, "Lambda functions as targets", limits).
const maxLambda = 1 << 20

// lambdaEvent is what a function receives from a load balancer.
type lambdaEvent struct {
	RequestContext struct {
		ELB struct {
			TargetGroupARN string `json:"targetGroupArn"`
		} `json:"elb"`
	} `json:"requestContext"`
	Method       string              `json:"httpMethod"`
	Path         string              `json:"path"`
	Query        map[string]string   `json:"queryStringParameters,omitempty"`
	MultiQuery   map[string][]string `json:"multiValueQueryStringParameters,omitempty"`
	Headers      map[string]string   `json:"headers,omitempty"`
	MultiHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Body         string              `json:"body"`
	Base64       bool                `json:"isBase64Encoded"`
}

// lambdaAnswer is what a function returns.
type lambdaAnswer struct {
	Status       json.RawMessage     `json:"statusCode"`
	Description  string              `json:"statusDescription"`
	Headers      map[string]string   `json:"headers"`
	MultiHeaders map[string][]string `json:"multiValueHeaders"`
	Body         string              `json:"body"`
	Base64       bool                `json:"isBase64Encoded"`
}

// lambda invokes the function that is the group's target.
func (ex *exchange) lambda(ctx context.Context, cfg *target.Config) {
	content, ok, err := ex.content(maxLambda)
	if err != nil {
		ex.broken(clientError(err))
		return
	}
	if !ok {
		ex.errorReason = "LambdaRequestTooLarge"
		ex.errorPage(413)
		return
	}
	if ex.b.deps.Invoker == nil {
		ex.lambdaFailed("LambdaInvokeError")
		return
	}
	payload, err := json.Marshal(ex.event(cfg, content))
	if err != nil {
		ex.lambdaFailed("LambdaUnhandled")
		return
	}
	ex.sentAt = ex.b.deps.Clock.Now()
	raw, err := ex.b.deps.Invoker.Invoke(ctx, ex.member.Target.ID, payload)
	if err != nil {
		ex.lambdaFailed("LambdaUnhandled")
		return
	}
	ex.answeredAt = ex.b.deps.Clock.Now()
	if len(raw) > maxLambda {
		ex.lambdaFailed("LambdaResponseTooLarge")
		return
	}
	ex.lambdaRespond(raw, cfg.MultiValueHeaders)
}

func (ex *exchange) lambdaFailed(reason string) {
	ex.errorReason = reason
	ex.errorPage(502)
}

// content reads a request's whole content; ok is false where it is longer than limit.
func (ex *exchange) content(limit int) (b []byte, ok bool, err error) {
	if !ex.req.HasBody() {
		return nil, true, nil
	}
	for {
		p, err := ex.body.Next()
		if errors.Is(err, io.EOF) {
			return b, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		if b = append(b, p...); len(b) > limit {
			ex.close = true
			return nil, false, nil
		}
	}
}

func (ex *exchange) event(cfg *target.Config, content []byte) *lambdaEvent {
	path, query, _ := bytes.Cut(appendTarget(nil, ex.target()), []byte{'?'})
	e := &lambdaEvent{Method: string(ex.req.Method), Path: string(path), MultiQuery: map[string][]string{}, MultiHeaders: map[string][]string{}}
	e.RequestContext.ELB.TargetGroupARN = cfg.ARN
	for arg := range bytes.SplitSeq(query, []byte{'&'}) {
		if key, value, _ := bytes.Cut(arg, []byte{'='}); len(arg) > 0 {
			e.MultiQuery[string(key)] = append(e.MultiQuery[string(key)], string(value))
		}
	}
	ex.eachField(func(name, value []byte) {
		n := strings.ToLower(string(name))
		e.MultiHeaders[n] = append(e.MultiHeaders[n], string(value))
	})
	if len(content) > 0 {
		e.MultiHeaders["content-length"] = []string{strconv.Itoa(len(content))}
	}
	e.Body = string(content)
	if e.Base64 = !textual(e.MultiHeaders); e.Base64 && len(content) > 0 {
		e.Body = base64.StdEncoding.EncodeToString(content)
	} else {
		e.Base64 = false
	}
	if !cfg.MultiValueHeaders {
		e.Query, e.MultiQuery = last(e.MultiQuery), nil
		e.Headers, e.MultiHeaders = last(e.MultiHeaders), nil
	}
	return e
}

// last keeps the last value of each name, as AWS does without multi-value headers.
func last(in map[string][]string) map[string]string {
	out := make(map[string]string, len(in))
	for k, vs := range in {
		out[k] = vs[len(vs)-1]
	}
	return out
}

// textual reports whether content goes to a function as it is rather than in Base64.
func textual(headers map[string][]string) bool {
	if len(headers["content-encoding"]) > 0 {
		return false
	}
	for _, v := range headers["content-type"] {
		for _, p := range []string{"text/", "application/json", "application/javascript", "application/xml"} {
			if strings.HasPrefix(v, p) {
				return true
			}
		}
	}
	return len(headers["content-type"]) == 0
}

// lambdaRespond turns a function's answer into a response.
func (ex *exchange) lambdaRespond(raw []byte, multi bool) {
	var a lambdaAnswer
	if err := json.Unmarshal(raw, &a); err != nil {
		ex.lambdaFailed("LambdaInvalidResponse")
		return
	}
	status, err := strconv.Atoi(strings.Trim(string(a.Status), `"`))
	body := []byte(a.Body)
	if err == nil && a.Base64 {
		body, err = base64.StdEncoding.DecodeString(a.Body)
	}
	fields, ok := lambdaFields(&a, multi)
	if err != nil || status < 200 || status > 599 || !ok {
		ex.lambdaFailed("LambdaInvalidResponse")
		return
	}
	ex.targetStatus = status
	fields = append([]http1.Field{field("Server", "awselb/2.0"), field("Date", httpDate(ex.b.deps.Clock.Now()))}, fields...)
	ex.respond(status, ex.extend(fields), body)
}

// lambdaFields checks a function's header: nothing of it may end a line.
func lambdaFields(a *lambdaAnswer, multi bool) ([]http1.Field, bool) {
	headers := a.MultiHeaders
	if !multi {
		headers = map[string][]string{}
		for k, v := range a.Headers {
			headers[k] = []string{v}
		}
	}
	var out []http1.Field
	for _, k := range slices.Sorted(maps.Keys(headers)) {
		for _, v := range headers[k] {
			if !http1.ValidField(k, v) {
				return nil, false
			}
			if f := field(k, v); passes(f.Kind) {
				out = append(out, f)
			}
		}
	}
	return out, true
}
