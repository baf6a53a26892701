package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// defaultKey seals the environments of functions that name no key.
	defaultKey = "alias/aws/lambda"
	// maxEnvironment is how long all variables may be, as JSON.
	maxEnvironment = 4096
)

// reserved are variables that Lambda sets itself (Lambda Developer Guide, "Defined
// runtime environment variables").
var reserved = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "GARRISON_ENVIRONMENT",
}

var variableName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// encodeEnvironment checks variables and puts them into one text.
func encodeEnvironment(vars map[string]string) ([]byte, error) {
	var taken []string
	for name, value := range vars {
		if slices.Contains(reserved, name) {
			taken = append(taken, name)
		}
		if !variableName.MatchString(name) || strings.ContainsRune(value, 0) {
			return nil, invalid("1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		}
	}
	if len(taken) > 0 {
		slices.Sort(taken)
		return nil, invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
	}
	b, err := json.Marshal(vars)
	if err == nil && len(b) > maxEnvironment {
		return nil, invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %d", len(b))
	}
	return b, err
}

// bound is the encryption context of a function's environment (Lambda Developer
// Guide, "Securing Lambda environment variables").
func (s *Service) bound(v *version) map[string]string {
	return map[string]string{"aws:lambda:FunctionArn": s.functionARN(v.Account, v.Name)}
}

// seal has KMS seal the variables under the version's key, for the caller, and lets
// the role open them.
func (s *Service) seal(ctx context.Context, v *version, vars map[string]string) error {
	v.Env = nil
	if len(vars) == 0 {
		return nil
	}
	plain, err := encodeEnvironment(vars)
	if err != nil {
		return err
	}
	defer clear(plain)
	key := v.KMSKey
	if key == "" {
		key = defaultKey
	}
	out, err := s.KMS.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: plain, EncryptionContext: s.bound(v)})
	if err != nil {
		return sealing(err)
	}
	v.Env = out.CiphertextBlob
	return s.letRole(ctx, v, true)
}

// sealing is the refusal of a key by KMS, when a function is configured.
func sealing(err error) error {
	code, message, ok := refused(err)
	if !ok {
		return fmt.Errorf("ask KMS: %w", err)
	}
	return invalid("Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. "+
		"Please check your KMS key settings. KMS Exception: %s KMS Message: %s", code, message)
}

// letRole grants the execution role the opening of the environment, where the key
// is a customer's. The one of the account lets in whoever comes through Lambda.
func (s *Service) letRole(ctx context.Context, v *version, changed bool) error {
	if !changed || v.KMSKey == "" || len(v.Env) == 0 {
		return nil
	}
	_, err := s.KMS.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: &v.KMSKey, GranteePrincipal: &v.Role, Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
		Constraints: &kmstypes.GrantConstraints{EncryptionContextEquals: s.bound(v)},
	})
	if err != nil {
		return sealing(err)
	}
	return nil
}

// open gives the variables to the caller, if KMS lets it.
func (s *Service) open(ctx context.Context, v *version) (map[string]string, error) {
	out, err := s.KMS.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: v.Env, EncryptionContext: s.bound(v)})
	if err != nil {
		return nil, err
	}
	return decodeEnvironment(out.Plaintext)
}

// openWith gives the variables to the execution role, if KMS lets it.
func (s *Service) openWith(ctx context.Context, with aws.Credentials, v *version) (map[string]string, error) {
	if len(v.Env) == 0 {
		return nil, nil
	}
	out, err := s.RoleKMS.DecryptWith(ctx, with, &kms.DecryptInput{CiphertextBlob: v.Env, EncryptionContext: s.bound(v)})
	if err != nil {
		return nil, ofKMS(err)
	}
	return decodeEnvironment(out.Plaintext)
}

func decodeEnvironment(plain []byte) (vars map[string]string, err error) {
	defer clear(plain)
	if err := json.Unmarshal(plain, &vars); err != nil {
		return nil, fmt.Errorf("read an environment: %w", err)
	}
	return vars, nil
}

// showEnvironment is the environment in an answer: for whom KMS refuses, that it
// does so stands in its place. A list shows nothing to the service principals that
// have no keys.
func (s *Service) showEnvironment(ctx context.Context, v *version) *types.EnvironmentResponse {
	vars, err := s.open(ctx, v)
	if err == nil {
		return &types.EnvironmentResponse{Variables: vars}
	}
	code, message, ok := refused(err)
	if !ok {
		code, message = "InternalFailure", "KMS could not be asked. Request: "+wire.CallFrom(ctx).RequestID
	}
	return &types.EnvironmentResponse{Error: &types.EnvironmentError{
		ErrorCode: &code,
		Message: aws.String("Lambda was unable to decrypt your environment variables because the KMS access was denied. " +
			"Please check your KMS permissions. KMS Exception: " + code + " KMS Message: " + message),
	}}
}
