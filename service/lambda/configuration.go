package lambda

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/runtime"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Defaults and bounds of a function (Lambda Developer Guide, "Lambda quotas").
const (
	defaultTimeout = 3
	maxTimeout     = 900
	defaultMemory  = 128
	maxMemory      = 10240
	defaultStorage = 512
	maxStorage     = 10240
)

// newVersion is the $LATEST that a CreateFunction asks for, without its code.
func newVersion(r reference, in *lambda.CreateFunctionInput) (*version, error) {
	if err := unsupported(in); err != nil {
		return nil, err
	}
	v := &version{
		Account: r.account, Name: r.name, Description: aws.ToString(in.Description), Role: *in.Role,
		Timeout: defaultTimeout, Memory: defaultMemory, Storage: defaultStorage, Arch: string(types.ArchitectureX8664),
		Revision: newID(),
	}
	if len(in.Architectures) > 0 {
		v.Arch = string(in.Architectures[0])
	}
	v.KMSKey = aws.ToString(in.KMSKeyArn)
	return v, v.apply(settings{
		runtime: in.Runtime, handler: in.Handler, timeout: in.Timeout, memory: in.MemorySize, storage: in.EphemeralStorage,
	})
}

// unsupported refuses settings that would be stored and not obeyed.
func unsupported(in *lambda.CreateFunctionInput) error {
	switch {
	case in.PackageType == types.PackageTypeImage, in.ImageConfig != nil:
		return notImplemented("PackageType Image")
	case in.CodeSigningConfigArn != nil:
		return notImplemented("CodeSigningConfigArn")
	case in.CapacityProviderConfig != nil:
		return notImplemented("CapacityProviderConfig")
	case in.DurableConfig != nil:
		return notImplemented("DurableConfig")
	case in.TenancyConfig != nil:
		return notImplemented("TenancyConfig")
	case in.PublishTo != "":
		return notImplemented("PublishTo")
	}
	return also{
		layers: in.Layers, files: in.FileSystemConfigs, vpc: in.VpcConfig, dead: in.DeadLetterConfig,
		snap: in.SnapStart, trace: in.TracingConfig, log: in.LoggingConfig,
	}.check()
}

// also is what can be set when a function is made and later.
type also struct {
	layers []string
	files  []types.FileSystemConfig
	vpc    *types.VpcConfig
	dead   *types.DeadLetterConfig
	snap   *types.SnapStart
	trace  *types.TracingConfig
	log    *types.LoggingConfig
}

func (a also) check() error {
	switch {
	case len(a.layers) > 0:
		return notImplemented("Layers")
	case len(a.files) > 0:
		return notImplemented("FileSystemConfigs")
	case a.vpc != nil && len(a.vpc.SubnetIds)+len(a.vpc.SecurityGroupIds) > 0:
		return notImplemented("VpcConfig")
	case a.dead != nil && aws.ToString(a.dead.TargetArn) != "":
		return notImplemented("DeadLetterConfig")
	case a.snap != nil && a.snap.ApplyOn == types.SnapStartApplyOnPublishedVersions:
		return notImplemented("SnapStart")
	case a.trace != nil && a.trace.Mode == types.TracingModeActive:
		return notImplemented("TracingConfig")
	case a.log != nil && (a.log.LogFormat == types.LogFormatJson || a.log.LogGroup != nil || a.log.ApplicationLogLevel != "" || a.log.SystemLogLevel != ""):
		return notImplemented("LoggingConfig")
	}
	return nil
}

// settings are those that are checked alike when a function is made and changed.
// nil and empty ones stay as they are.
type settings struct {
	runtime         types.Runtime
	handler         *string
	timeout, memory *int32
	storage         *types.EphemeralStorage
}

func (v *version) apply(g settings) error {
	if g.runtime != "" {
		v.Runtime = string(g.runtime)
	}
	if g.handler != nil {
		v.Handler = *g.handler
	}
	set(&v.Timeout, g.timeout)
	set(&v.Memory, g.memory)
	if g.storage != nil {
		set(&v.Storage, g.storage.Size)
	}
	switch {
	case v.Runtime == "" || v.Handler == "":
		return invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case !runtime.Supports(v.Runtime):
		return notImplemented("The runtime " + v.Runtime)
	case v.Timeout > maxTimeout:
		return invalid("1 validation error detected: Value '%d' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to %d", v.Timeout, maxTimeout)
	case v.Memory > maxMemory:
		return invalid("'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to %d", maxMemory)
	case v.Storage < defaultStorage || v.Storage > maxStorage:
		return invalid("'EphemeralStorage.Size' must be between %d and %d", defaultStorage, maxStorage)
	}
	return nil
}

func set(to, from *int32) {
	if from != nil {
		*to = *from
	}
}

// A change is one of $LATEST that a caller asks for.
type change struct {
	reference
	revision *string // what the caller has seen of it, nil for any
	dry      bool
}

// edit changes $LATEST, and ends the environments of what it was.
func (s *Service) edit(ctx context.Context, c change, to func(tx *store.Tx, v *version) error) (out *version, err error) {
	revision := newID()
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		v, err := versions.Get(tx, c.account, c.name, int64(0))
		if err != nil {
			return err
		}
		if c.revision != nil && *c.revision != v.Revision {
			return stale()
		}
		if !c.dry {
			v.Revision, v.Modified = revision, tx.Now()
		}
		if err := to(tx, v); err != nil {
			return err
		}
		out = v
		if c.dry {
			return nil
		}
		return versions.Put(tx, v)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noFunction(s.functionARN(c.account, c.name))
	}
	if err == nil && !c.dry {
		s.retire(c.reference)
		s.worker.Wake()
	}
	return out, err
}

// UpdateFunctionConfiguration changes $LATEST.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *lambda.UpdateFunctionConfigurationInput) (*lambda.UpdateFunctionConfigurationOutput, error) {
	r, before, err := s.named(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	v := *before
	if err := s.reconfigure(ctx, &v, in); err != nil {
		return nil, err
	}
	seen := in.RevisionId
	if seen == nil && (in.Environment != nil || in.KMSKeyArn != nil) {
		seen = &before.Revision // what was sealed belongs to what was read
	}
	out, err := s.edit(ctx, change{r, seen, false}, func(_ *store.Tx, now *version) error {
		code, sha, size, revision, at := now.Code, now.CodeSHA, now.CodeSize, now.Revision, now.Modified
		if in.Environment == nil && in.KMSKeyArn == nil {
			v.Env, v.KMSKey = now.Env, now.KMSKey
		}
		*now = v
		now.Code, now.CodeSHA, now.CodeSize, now.Revision, now.Modified = code, sha, size, revision, at
		return nil
	})
	if err != nil {
		return nil, err
	}
	shown := lambda.UpdateFunctionConfigurationOutput(*s.output(ctx, out))
	return &shown, nil
}

// reconfigure applies to v what the caller asks for, and has it checked.
func (s *Service) reconfigure(ctx context.Context, v *version, in *lambda.UpdateFunctionConfigurationInput) error {
	if err := (also{
		layers: in.Layers, files: in.FileSystemConfigs, vpc: in.VpcConfig, dead: in.DeadLetterConfig,
		snap: in.SnapStart, trace: in.TracingConfig, log: in.LoggingConfig,
	}).check(); err != nil {
		return err
	}
	if in.ImageConfig != nil || in.CapacityProviderConfig != nil || in.DurableConfig != nil {
		return notImplemented("One of ImageConfig, CapacityProviderConfig and DurableConfig")
	}
	if err := v.apply(settings{in.Runtime, in.Handler, in.Timeout, in.MemorySize, in.EphemeralStorage}); err != nil {
		return err
	}
	if in.Description != nil {
		v.Description = *in.Description
	}
	if in.Role != nil {
		v.Role = *in.Role
		if err := s.checkRole(ctx, v); err != nil {
			return err
		}
	}
	return s.reseal(ctx, v, in)
}

// reseal seals the environment anew where it, its key or the role that opens it changes.
func (s *Service) reseal(ctx context.Context, v *version, in *lambda.UpdateFunctionConfigurationInput) error {
	if in.Environment == nil && in.KMSKeyArn == nil {
		return s.letRole(ctx, v, in.Role != nil)
	}
	var vars map[string]string
	if in.Environment != nil {
		vars = in.Environment.Variables
	} else if len(v.Env) > 0 {
		var err error
		if vars, err = s.open(ctx, v); err != nil {
			return ofKMS(err)
		}
	}
	if in.KMSKeyArn != nil {
		v.KMSKey = *in.KMSKeyArn
	}
	return s.seal(ctx, v, vars)
}

// lambdaTime is how Lambda prints times.
const lambdaTime = "2006-01-02T15:04:05.000-0700"

func (s *Service) versionARN(v *version) string {
	return qualified(s.functionARN(v.Account, v.Name), publishedName(v))
}

func publishedName(v *version) string {
	if v.Number == 0 {
		return ""
	}
	return versionName(v.Number)
}

// configuration shows a version, with its environment if KMS lets the caller see it.
func (s *Service) configuration(ctx context.Context, v *version) *types.FunctionConfiguration {
	out := &types.FunctionConfiguration{
		FunctionName: &v.Name, FunctionArn: aws.String(s.versionARN(v)), Runtime: types.Runtime(v.Runtime),
		Role: &v.Role, Handler: &v.Handler, CodeSize: v.CodeSize, Description: &v.Description, Timeout: &v.Timeout,
		MemorySize: &v.Memory, LastModified: aws.String(v.Modified.UTC().Format(lambdaTime)), CodeSha256: &v.CodeSHA,
		Version: aws.String(versionName(v.Number)), RevisionId: &v.Revision, PackageType: types.PackageTypeZip,
		State: types.StateActive, LastUpdateStatus: types.LastUpdateStatusSuccessful,
		TracingConfig:    &types.TracingConfigResponse{Mode: types.TracingModePassThrough},
		Architectures:    []types.Architecture{types.Architecture(v.Arch)},
		EphemeralStorage: &types.EphemeralStorage{Size: &v.Storage},
		SnapStart:        &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnNone, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		LoggingConfig:    &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: aws.String(logGroup(v.Name))},
	}
	if v.KMSKey != "" {
		out.KMSKeyArn = &v.KMSKey
	}
	if len(v.Env) > 0 {
		out.Environment = s.showEnvironment(ctx, v)
	}
	return out
}

// output is configuration as the operations on one function answer it.
func (s *Service) output(ctx context.Context, v *version) *lambda.CreateFunctionOutput {
	c := s.configuration(ctx, v)
	return &lambda.CreateFunctionOutput{
		FunctionName: c.FunctionName, FunctionArn: c.FunctionArn, Runtime: c.Runtime, Role: c.Role, Handler: c.Handler,
		CodeSize: c.CodeSize, Description: c.Description, Timeout: c.Timeout, MemorySize: c.MemorySize, LastModified: c.LastModified,
		CodeSha256: c.CodeSha256, Version: c.Version, RevisionId: c.RevisionId, PackageType: c.PackageType, State: c.State,
		LastUpdateStatus: c.LastUpdateStatus, TracingConfig: c.TracingConfig, Architectures: c.Architectures,
		EphemeralStorage: c.EphemeralStorage, SnapStart: c.SnapStart, LoggingConfig: c.LoggingConfig,
		KMSKeyArn: c.KMSKeyArn, Environment: c.Environment,
	}
}

func logGroup(name string) string { return "/aws/lambda/" + name }

// logStream names an environment's stream.
func logStream(at time.Time, v *version, environment string) string {
	return at.UTC().Format("2006/01/02") + "/[" + versionName(v.Number) + "]" + strings.ToLower(environment)
}
