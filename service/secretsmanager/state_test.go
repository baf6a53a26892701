package secretsmanager_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const works = ""

// A caller calls one operation on a secret.
type caller func(*testing.T, *secretsmanager.Client, *secretsmanager.CreateSecretOutput) error

// stateTable is what each operation says to a secret by its state.
var stateTable = []struct {
	operation       string
	active, deleted string
	call            caller
}{
	{"BatchGetSecretValue", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		out, err := c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{*s.Name}})
		if err == nil && len(out.Errors) == 1 {
			return &types.InvalidRequestException{Message: out.Errors[0].Message}
		}
		return err
	}},
	{"CancelRotateSecret", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.CancelRotateSecret(t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: s.Name})
		return err
	}},
	{"CreateSecret", "ResourceExistsException: ", "InvalidRequestException: You can't create this secret", func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: s.Name})
		return err
	}},
	{"DeleteResourcePolicy", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.DeleteResourcePolicy(t.Context(), &secretsmanager.DeleteResourcePolicyInput{SecretId: s.Name})
		return err
	}},
	{"DeleteSecret", works, "InvalidRequestException: ", func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: s.Name})
		return err
	}},
	{"DescribeSecret", works, works, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: s.Name})
		return err
	}},
	{"GetResourcePolicy", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.GetResourcePolicy(t.Context(), &secretsmanager.GetResourcePolicyInput{SecretId: s.Name})
		return err
	}},
	{"GetSecretValue", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: s.Name})
		return err
	}},
	{"ListSecretVersionIds", works, works, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: s.Name})
		return err
	}},
	{"PutResourcePolicy", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: s.Name, ResourcePolicy: aws.String(letRoot)})
		return err
	}},
	{"PutSecretValue", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: s.Name, SecretString: aws.String("w")})
		return err
	}},
	{"RemoveRegionsFromReplication", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.RemoveRegionsFromReplication(t.Context(), &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: s.Name, RemoveReplicaRegions: []string{third}})
		return err
	}},
	{"ReplicateSecretToRegions", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		to := garrisontest.OtherRegion
		if c.Options().Region == to {
			to = garrisontest.Region
		}
		_, err := c.ReplicateSecretToRegions(t.Context(), &secretsmanager.ReplicateSecretToRegionsInput{SecretId: s.Name, AddReplicaRegions: []types.ReplicaRegionType{{Region: &to}}})
		return err
	}},
	{"RestoreSecret", works, works, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: s.Name})
		return err
	}},
	{"RotateSecret", "InvalidRequestException: No Lambda", marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: s.Name})
		return err
	}},
	{"StopReplicationToReplica", "InvalidParameterException: ", "InvalidParameterException: ", func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.StopReplicationToReplica(t.Context(), &secretsmanager.StopReplicationToReplicaInput{SecretId: s.Name})
		return err
	}},
	{"TagResource", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: s.Name, Tags: []types.Tag{tag("a", "b")}})
		return err
	}},
	{"UntagResource", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.UntagResource(t.Context(), &secretsmanager.UntagResourceInput{SecretId: s.Name, TagKeys: []string{"a"}})
		return err
	}},
	{"UpdateSecret", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: s.Name, Description: aws.String("d")})
		return err
	}},
	{"UpdateSecretVersionStage", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: s.Name, VersionStage: aws.String("blue"), MoveToVersionId: s.VersionId})
		return err
	}},
	{"ValidateResourcePolicy", works, marked, func(t *testing.T, c *secretsmanager.Client, s *secretsmanager.CreateSecretOutput) error {
		_, err := c.ValidateResourcePolicy(t.Context(), &secretsmanager.ValidateResourcePolicyInput{SecretId: s.Name, ResourcePolicy: aws.String(letRoot)})
		return err
	}},
}

const letRoot = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"secretsmanager:*","Resource":"*"}}`

// TestOperationsByState runs the table, each line on secrets of its own.
func TestOperationsByState(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for _, tt := range stateTable {
		active := create(t, c, tt.operation, "v")
		garrisontest.Want(t, tt.call(t, c, active), tt.active)
		deleted := create(t, c, tt.operation+"-deleted", "v")
		remove(t, c, *deleted.Name, 7)
		garrisontest.Want(t, tt.call(t, c, deleted), tt.deleted)
	}
}

// TestOperationsAreDenied asks for each operation without the permission, of a
// secret and of none: the answer is the same but for the name.
func TestOperationsAreDenied(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	made := create(t, c, "app", "v")
	nobody := user(t, s, "nobody", "")
	none := &secretsmanager.CreateSecretOutput{Name: aws.String("nothing"), VersionId: made.VersionId}
	for _, tt := range stateTable {
		on, of := " on resource: ", made
		if tt.operation == "BatchGetSecretValue" {
			on, of = " because no identity-based policy allows ", &secretsmanager.CreateSecretOutput{Name: aws.String("the secretsmanager:BatchGetSecretValue action")}
		}
		denied := func(name string) string {
			return "AccessDeniedException: User: arn:aws:iam::" + account + ":user/nobody is not authorized to perform: secretsmanager:" + tt.operation + on + name
		}
		garrisontest.Want(t, tt.call(t, nobody, made), denied(*of.Name))
		if tt.operation != "BatchGetSecretValue" {
			garrisontest.Want(t, tt.call(t, nobody, none), denied("nothing because no identity-based policy allows the secretsmanager:"+tt.operation+" action"))
		}
		recorded := slices.ContainsFunc(events(t, s, tt.operation, 1), func(e event) bool {
			return e.ErrorCode == "AccessDeniedException" && strings.HasSuffix(e.UserIdentity.ARN, "/nobody")
		})
		if !recorded {
			t.Errorf("no event of %s tells the denial", tt.operation)
		}
		if tt.operation != "CreateSecret" && tt.operation != "BatchGetSecretValue" && tt.operation != "DeleteSecret" {
			garrisontest.Want(t, tt.call(t, c, none), lost)
		}
	}
	_, err := nobody.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	_, err = nobody.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{})
	garrisontest.Want(t, err, "AccessDeniedException: ")
}
