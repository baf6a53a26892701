package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/runtime"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// maxSync and maxAsync bound payloads (Lambda API Reference, Invoke, Payload).
	maxSync  = 6 << 20
	maxAsync = 1 << 20
)

// Invoke runs a function, or queues an event for it.
func (s *Service) Invoke(ctx context.Context, in *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	if in.DurableExecutionName != nil || in.TenantId != nil {
		return nil, notImplemented("One of DurableExecutionName and TenantId")
	}
	r, v, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	payload, err := checkPayload(in)
	if err != nil {
		return nil, err
	}
	switch in.InvocationType {
	case types.InvocationTypeDryRun:
		return &lambda.InvokeOutput{StatusCode: 204, ExecutedVersion: aws.String(versionName(v.Number))}, nil
	case types.InvocationTypeEvent:
		return &lambda.InvokeOutput{StatusCode: 202}, s.queue(ctx, r, payload)
	case types.InvocationTypeRequestResponse: // as without a type
	}
	res, err := s.run(ctx, r, v, &runtime.Invocation{
		RequestID: wire.CallFrom(ctx).RequestID, Payload: payload, ARN: s.invokedARN(r), Trace: newTrace(s.Clock.Now()),
		ClientContext: clientContext(in.ClientContext),
	})
	if err != nil {
		return nil, err
	}
	out := &lambda.InvokeOutput{StatusCode: 200, ExecutedVersion: aws.String(versionName(v.Number)), Payload: res.Payload}
	if res.Error != "" {
		out.FunctionError = &res.Error
	}
	if in.LogType == types.LogTypeTail {
		out.LogResult = aws.String(base64.StdEncoding.EncodeToString(res.Tail))
	}
	return out, nil
}

func (s *Service) invokedARN(r reference) string {
	return qualified(s.functionARN(r.account, r.name), r.qualifier)
}

// checkPayload is the event, an empty object if there is none.
func checkPayload(in *lambda.InvokeInput) ([]byte, error) {
	limit, kind := maxSync, types.InvocationTypeRequestResponse
	if in.InvocationType == types.InvocationTypeEvent {
		limit, kind = maxAsync, types.InvocationTypeEvent
	}
	switch n := len(in.Payload); {
	case n == 0:
		return []byte("{}"), nil
	case n > limit:
		return nil, &types.RequestTooLargeException{Type: aws.String("User"), Message: aws.String(
			fmt.Sprintf("%d byte payload is too large for the %s invocation type (limit %d bytes)", n, kind, limit))}
	case !json.Valid(in.Payload):
		return nil, &types.InvalidRequestContentException{Type: aws.String("User"), Message: aws.String("Could not parse request body into json: Unexpected character")}
	}
	return in.Payload, nil
}

// clientContext passes on what is base64 of JSON, as the runtime API has it: JSON.
func clientContext(given *string) string {
	b, err := base64.StdEncoding.DecodeString(aws.ToString(given))
	if err != nil || len(b) > 3583 || !json.Valid(b) { // the model's own bound
		return ""
	}
	return strings.NewReplacer("\n", "", "\r", "").Replace(string(b))
}

// newTrace is an X-Ray trace header for a trace that nobody samples.
func newTrace(at time.Time) string {
	id := strings.ReplaceAll(newID(), "-", "")
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", at.Unix(), id[:24], strings.ReplaceAll(newID(), "-", "")[:16])
}

// run runs one invocation within the function's concurrency.
func (s *Service) run(ctx context.Context, r reference, v *version, inv *runtime.Invocation) (*runtime.Result, error) {
	f, err := s.function(ctx, r)
	if err != nil {
		return nil, err
	}
	key := r.account + "/" + r.name
	if err := s.start(key, f.Reserved); err != nil {
		return nil, err
	}
	defer s.finish(key)
	res, err := s.Pool.Invoke(ctx, &runtime.Function{
		ID: key + "/" + versionName(v.Number) + "/" + v.Revision, Runtime: v.Runtime, Handler: v.Handler,
		Memory: int(v.Memory), Timeout: time.Duration(v.Timeout) * time.Second, Storage: int(v.Storage),
		Start: func(ctx context.Context, name string) (*runtime.Setup, error) { return s.setUp(ctx, v, name) },
	}, inv)
	if errors.Is(err, runtime.ErrBusy) {
		return nil, throttled(types.ThrottleReasonConcurrentInvocationLimitExceeded)
	}
	if errors.Is(err, runtime.ErrRuntime) {
		return nil, &types.InvalidRuntimeException{Type: aws.String("User"), Message: aws.String("Nothing on this machine runs " + v.Runtime + ".")}
	}
	return res, err
}

// setUp gathers what an environment is started with.
func (s *Service) setUp(ctx context.Context, v *version, name string) (*runtime.Setup, error) {
	role, good, err := s.assume(ctx, v)
	if err != nil {
		return nil, err
	}
	vars, err := s.openWith(ctx, role, v)
	if err != nil {
		return nil, err
	}
	zip, err := s.readBytes(ctx, v.Account, v.Code)
	if err != nil {
		return nil, err
	}
	if digest(zip) != v.CodeSHA { // the function was changed or deleted meanwhile
		return nil, &types.ResourceConflictException{Type: aws.String("User"), Message: aws.String("An update is in progress for resource: " + s.versionARN(v))}
	}
	stream := logStream(s.Clock.Now(), v, name)
	env := []string{
		"AWS_LAMBDA_FUNCTION_NAME=" + v.Name, "AWS_LAMBDA_FUNCTION_VERSION=" + versionName(v.Number),
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", v.Memory), "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=" + logGroup(v.Name), "AWS_LAMBDA_LOG_STREAM_NAME=" + stream,
		"AWS_EXECUTION_ENV=AWS_Lambda_" + v.Runtime, "AWS_REGION=" + s.Region, "AWS_DEFAULT_REGION=" + s.Region,
		"AWS_ACCESS_KEY_ID=" + role.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + role.SecretAccessKey, "AWS_SESSION_TOKEN=" + role.SessionToken,
	}
	if _, own := vars["AWS_ENDPOINT_URL"]; !own {
		env = append(env, "AWS_ENDPOINT_URL="+s.Endpoint)
	}
	for k, value := range vars {
		env = append(env, k+"="+value)
	}
	return &runtime.Setup{
		Zip: zip, Env: env, Good: good, Version: versionName(v.Number),
		Log: s.ship(role, logGroup(v.Name), stream),
	}, nil
}
