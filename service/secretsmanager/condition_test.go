package secretsmanager_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A try is one call by a client whose permissions are in question.
type try func(*testing.T, *secretsmanager.Client) error

func creates(in secretsmanager.CreateSecretInput) try {
	return func(t *testing.T, c *secretsmanager.Client) error {
		if in.Name == nil {
			in.Name = aws.String(rand.Text())
		}
		_, err := c.CreateSecret(t.Context(), &in)
		return err
	}
}

func gets(in secretsmanager.GetSecretValueInput) try {
	return func(t *testing.T, c *secretsmanager.Client) error {
		_, err := c.GetSecretValue(t.Context(), &in)
		return err
	}
}

func updates(in secretsmanager.UpdateSecretInput) try {
	in.SecretId = aws.String("blue")
	return func(t *testing.T, c *secretsmanager.Client) error {
		_, err := c.UpdateSecret(t.Context(), &in)
		return err
	}
}

// deletes deletes a secret that root has made for it.
func deletes(root *secretsmanager.Client, in secretsmanager.DeleteSecretInput) try {
	return func(t *testing.T, c *secretsmanager.Client) error {
		in.SecretId = create(t, root, rand.Text(), "").Name
		_, err := c.DeleteSecret(t.Context(), &in)
		return err
	}
}

func puts(block bool) try {
	return func(t *testing.T, c *secretsmanager.Client) error {
		_, err := c.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: aws.String("blue"), ResourcePolicy: aws.String(letRoot), BlockPublicPolicy: &block})
		return err
	}
}

func draws(t *testing.T, c *secretsmanager.Client) error {
	_, err := c.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{})
	return err
}

// TestConditionKeys allows everything under one condition, and makes one call that
// it lets through and one that it does not.
func TestConditionKeys(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	made := mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("red"), SecretString: aws.String("v"), Tags: []types.Tag{tag("team", "red")}})
	create(t, c, "blue", "v")
	id := put(t, c, "red", "w")
	red, blue := gets(secretsmanager.GetSecretValueInput{SecretId: aws.String("red")}), gets(secretsmanager.GetSecretValueInput{SecretId: aws.String("blue")})
	for n, tt := range []struct {
		condition string
		yes, no   try
	}{
		{`"StringLike":{"secretsmanager:Name":"prod/*"}`, creates(secretsmanager.CreateSecretInput{Name: aws.String("prod/a")}), creates(secretsmanager.CreateSecretInput{Name: aws.String("dev/a")})},
		{`"StringEquals":{"secretsmanager:Description":"d"}`, creates(secretsmanager.CreateSecretInput{Description: aws.String("d")}), updates(secretsmanager.UpdateSecretInput{Description: aws.String("e")})},
		{`"StringEquals":{"secretsmanager:KmsKeyId":"alias/aws/secretsmanager"}`, creates(secretsmanager.CreateSecretInput{KmsKeyId: aws.String("alias/aws/secretsmanager")}), creates(secretsmanager.CreateSecretInput{})},
		{`"StringEquals":{"aws:RequestTag/team":"red"}`, creates(secretsmanager.CreateSecretInput{Tags: []types.Tag{tag("team", "red")}}), creates(secretsmanager.CreateSecretInput{Tags: []types.Tag{tag("team", "blue")}})},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}`, creates(secretsmanager.CreateSecretInput{Tags: []types.Tag{tag("team", "red")}}), creates(secretsmanager.CreateSecretInput{Tags: []types.Tag{tag("env", "red")}})},
		{`"Null":{"secretsmanager:AddReplicaRegions":"true"}`, creates(secretsmanager.CreateSecretInput{}), creates(secretsmanager.CreateSecretInput{AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}})},
		{`"Null":{"secretsmanager:ForceOverwriteReplicaSecret":"true"}`, creates(secretsmanager.CreateSecretInput{}), creates(secretsmanager.CreateSecretInput{ForceOverwriteReplicaSecret: true})},
		{`"StringEquals":{"secretsmanager:SecretId":"` + *made.ARN + `"}`, red, blue},
		{`"StringEquals":{"aws:ResourceTag/team":"red"}`, red, blue},
		{`"StringEquals":{"secretsmanager:ResourceTag/team":"red"}`, red, blue},
		{`"StringEquals":{"secretsmanager:SecretPrimaryRegion":"us-east-1"}`, red, draws},
		{`"StringEquals":{"secretsmanager:VersionId":"` + id + `"}`, gets(secretsmanager.GetSecretValueInput{SecretId: made.ARN, VersionId: &id}), red},
		{`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`, red, gets(secretsmanager.GetSecretValueInput{SecretId: made.ARN, VersionStage: aws.String("AWSPREVIOUS")})},
		{`"NumericLessThan":{"secretsmanager:RecoveryWindowInDays":"14"}`, deletes(c, secretsmanager.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(7)}), deletes(c, secretsmanager.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(14)})},
		{`"Bool":{"secretsmanager:ForceDeleteWithoutRecovery":"false"}`, deletes(c, secretsmanager.DeleteSecretInput{ForceDeleteWithoutRecovery: aws.Bool(false)}), deletes(c, secretsmanager.DeleteSecretInput{ForceDeleteWithoutRecovery: aws.Bool(true)})},
		{`"Bool":{"secretsmanager:BlockPublicPolicy":"true"}`, puts(true), puts(false)},
	} {
		client := user(t, s, fmt.Sprint("user-", n), `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*","Condition":{`+tt.condition+`}}}`)
		if got := garrisontest.Fault(tt.yes(t, client)); got != "" {
			t.Errorf("%s: %q, want it allowed", tt.condition, got)
		}
		if got := garrisontest.Fault(tt.no(t, client)); !strings.HasPrefix(got, "AccessDeniedException: ") {
			t.Errorf("%s: %q, want it denied", tt.condition, got)
		}
	}
}

// TestResourcePatterns matches secrets by the ARN that they have or are to have.
func TestResourcePatterns(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	ours := user(t, s, "ours", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:*","Resource":"arn:aws:secretsmanager:us-east-1:`+account+`:secret:ours-??????"}}`)
	create(t, ours, "ours", "v")
	wantValue(t, ours, "ours", "v")
	_, err := ours.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("theirs")})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/ours is not authorized to perform: secretsmanager:CreateSecret on resource: theirs because no identity-based policy allows the secretsmanager:CreateSecret action")
	create(t, c, "theirs", "v")
	_, err = get(ours, t, &secretsmanager.GetSecretValueInput{SecretId: aws.String("theirs")})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	tagger := user(t, s, "tagger", allowing("secretsmanager:CreateSecret"))
	_, err = tagger.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("x"), Tags: []types.Tag{tag("a", "b")}})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/tagger is not authorized to perform: secretsmanager:TagResource on resource: x")
}
