package secretsmanager

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const secretType = "AWS::SecretsManager::Secret" //nolint:gosec // CloudTrail's name for the kind of resource

// conditions are Secrets Manager's own condition keys of a call, in lower case
// (Service Authorization Reference, "Condition keys for AWS Secrets Manager").
type conditions map[string][]string

// set adds a value unless it is empty.
func (c conditions) set(name, value string) conditions {
	if value != "" {
		c["secretsmanager:"+name] = []string{value}
	}
	return c
}

// flag adds a boolean that was given.
func (c conditions) flag(name string, value *bool) conditions {
	if value != nil {
		c["secretsmanager:"+name] = []string{strconv.FormatBool(*value)}
	}
	return c
}

// tags adds aws:RequestTag/… and aws:TagKeys.
func (c conditions) tags(tags []types.Tag) conditions {
	for _, t := range tags {
		name := aws.ToString(t.Key)
		c["aws:requesttag/"+strings.ToLower(name)] = []string{aws.ToString(t.Value)}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], name)
	}
	return c
}

// on asks for the operation's own action on the secret that given refers to.
func (s *Service) on(ctx context.Context, given *string, c conditions) (authz.Target, error) {
	call := wire.CallFrom(ctx)
	t, row, err := s.target(ctx, *given, c)
	if err != nil {
		return t, err
	}
	if row != nil { // another may have taken its name by the time the handler runs
		call.Pin(*given, row.Suffix)
	}
	return t, nil
}

// target describes a secret to the authorizer; row is nil if there is none.
func (s *Service) target(ctx context.Context, given string, c conditions) (t authz.Target, row *secret, err error) {
	return s.targetOf(ctx, asking{given, wire.CallFrom(ctx).Operation, c})
}

// An asking is a question about one secret.
type asking struct {
	given  string
	action string // without the prefix
	conditions
}

func (s *Service) targetOf(ctx context.Context, a asking) (t authz.Target, row *secret, err error) {
	r := s.parse(ctx, a.given)
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = r.get(tx)
		return err
	})
	c := a.conditions
	if c == nil {
		c = conditions{}
	}
	t = authz.Target{Account: r.account, Display: a.given, Conditions: c}
	switch {
	case errors.Is(err, store.ErrNotFound):
		t.Resource, t.Missing, row = s.arn(r), missing(), nil
	case err != nil:
		return t, nil, err
	default:
		t.Resource, t.Type, t.Policy, t.Tags = row.arn(), secretType, row.Policy, row.Tags
		c.set("secretprimaryregion", row.primary())
	}
	c.set("secretid", t.Resource)
	if r.account != wire.CallFrom(ctx).Account() { // whether there is a secret or not
		t.Hide = "on resource: " + a.given + " because no resource-based policy allows the secretsmanager:" + a.action + " action"
	}
	return t, row, nil
}

func (s *Service) onCreateSecret(ctx context.Context, in *secretsmanager.CreateSecretInput) (authz.Target, error) {
	call := wire.CallFrom(ctx)
	suffix := newSuffix()
	call.Pin(*in.Name, suffix)
	c := conditions{}.tags(in.Tags).
		set("name", *in.Name).set("description", aws.ToString(in.Description)).set("kmskeyid", aws.ToString(in.KmsKeyId)).
		set("type", aws.ToString(in.Type)).set("secretprimaryregion", s.region)
	c.replicas(in.AddReplicaRegions)
	if in.ForceOverwriteReplicaSecret {
		c.set("forceoverwritereplicasecret", "true")
	}
	t := authz.Target{
		Resource: arn.New("secretsmanager", s.region, call.Account(), "secret:"+*in.Name+"-"+suffix),
		Display:  *in.Name, Conditions: c, Tags: tagMap(in.Tags),
	}
	if len(in.Tags) > 0 {
		tag := t
		tag.Action = "secretsmanager:TagResource"
		t.And = append(t.And, tag)
	}
	if len(in.AddReplicaRegions) > 0 {
		replicate := t
		replicate.Action, replicate.And = "secretsmanager:ReplicateSecretToRegions", nil
		t.And = append(t.And, replicate)
	}
	return t, nil
}

func tagMap(tags []types.Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

func (s *Service) onDescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

func (s *Service) onUpdateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, conditions{}.
		set("description", aws.ToString(in.Description)).set("kmskeyid", aws.ToString(in.KmsKeyId)).set("type", aws.ToString(in.Type)))
}

func (s *Service) onListSecrets(context.Context, *secretsmanager.ListSecretsInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onDeleteSecret(ctx context.Context, in *secretsmanager.DeleteSecretInput) (authz.Target, error) {
	c := conditions{}.flag("forcedeletewithoutrecovery", in.ForceDeleteWithoutRecovery)
	if in.RecoveryWindowInDays != nil {
		c.set("recoverywindowindays", strconv.FormatInt(*in.RecoveryWindowInDays, 10))
	}
	t, err := s.on(ctx, in.SecretId, c)
	if aws.ToBool(in.ForceDeleteWithoutRecovery) {
		t.Missing = nil // it shall not be there, and it is not
	}
	return t, err
}

func (s *Service) onRestoreSecret(ctx context.Context, in *secretsmanager.RestoreSecretInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

func (s *Service) onGetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, reading(in.VersionId, in.VersionStage))
}

// reading are the conditions of a read. Who names no version asks for AWSCURRENT.
func reading(id, label *string) conditions {
	stage := aws.ToString(label)
	if id == nil && label == nil {
		stage = current
	}
	return conditions{}.set("versionid", aws.ToString(id)).set("versionstage", stage)
}

// onBatchGetSecretValue asks for the call alone; each secret is asked about when
// it is read.
func (s *Service) onBatchGetSecretValue(_ context.Context, in *secretsmanager.BatchGetSecretValueInput) (authz.Target, error) {
	t := authz.Any()
	if len(in.Filters) > 0 {
		t.And = []authz.Target{{Action: "secretsmanager:ListSecrets", Resource: "*"}}
	}
	return t, nil
}

func (s *Service) onPutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

func (s *Service) onListSecretVersionIds(ctx context.Context, in *secretsmanager.ListSecretVersionIdsInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

func (s *Service) onUpdateSecretVersionStage(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, conditions{}.set("versionstage", *in.VersionStage))
}

func (s *Service) onGetResourcePolicy(ctx context.Context, in *secretsmanager.GetResourcePolicyInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

func (s *Service) onPutResourcePolicy(ctx context.Context, in *secretsmanager.PutResourcePolicyInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, conditions{}.flag("blockpublicpolicy", in.BlockPublicPolicy))
}

func (s *Service) onDeleteResourcePolicy(ctx context.Context, in *secretsmanager.DeleteResourcePolicyInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

// onValidateResourcePolicy asks for the right to put a policy too.
func (s *Service) onValidateResourcePolicy(ctx context.Context, in *secretsmanager.ValidateResourcePolicyInput) (authz.Target, error) {
	t := authz.Any()
	if in.SecretId != nil {
		var err error
		if t, err = s.on(ctx, in.SecretId, nil); err != nil {
			return t, err
		}
	}
	put := t
	put.Action, put.Type = "secretsmanager:PutResourcePolicy", "" // the event names the secret once
	t.And = []authz.Target{put}
	return t, nil
}

func (s *Service) onTagResource(ctx context.Context, in *secretsmanager.TagResourceInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, conditions{}.tags(in.Tags))
}

func (s *Service) onUntagResource(ctx context.Context, in *secretsmanager.UntagResourceInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, untagging(in.TagKeys))
}

func untagging(keys []string) conditions {
	if len(keys) == 0 {
		return conditions{}
	}
	return conditions{"aws:tagkeys": keys}
}

func (s *Service) onGetRandomPassword(context.Context, *secretsmanager.GetRandomPasswordInput) (authz.Target, error) {
	return authz.Any(), nil
}
