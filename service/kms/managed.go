package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const managedPrefix = "alias/aws/"

// A managedKey is what is particular to a service's AWS managed key.
type managedKey struct {
	via      string // the service as kms:ViaService calls it
	protects string // the description's words for what it protects
}

// managedKeys are those that each account has, by the alias's last part.
var managedKeys = map[string]managedKey{
	"acm":            {"acm", "ACM private keys"},
	"cloudtrail":     {"cloudtrail", "CloudTrail logs"},
	"dynamodb":       {"dynamodb", "DynamoDB data"},
	"ebs":            {"ec2", "EBS volumes"},
	"lambda":         {"lambda", "Lambda functions"},
	"rds":            {"rds", "RDS database volumes"},
	"s3":             {"s3", "S3 objects"},
	"secretsmanager": {"secretsmanager", "Secrets Manager data"},
	"sns":            {"sns", "SNS data"},
	"sqs":            {"sqs", "SQS messages"},
	"ssm":            {"ssm", "SSM parameters"},
}

// ensureManaged makes the AWS managed key that an alias stands for, when its
// service asks for it the first time, or when the account asks what it is (KMS
// API Reference, DescribeKey).
func (s *Service) ensureManaged(ctx context.Context, r reference) error {
	service, ok := strings.CutPrefix(r.alias, managedPrefix)
	call := wire.CallFrom(ctx)
	of, known := managedKeys[service]
	if !ok || !known || r.account != call.Account() {
		return nil
	}
	n := len(call.Via)
	asked := n > 0 && strings.HasPrefix(call.Via[n-1], of.via+".")
	if !asked && call.Operation != "DescribeKey" {
		return nil
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		_, err := aliases.Get(tx, r.account, r.alias)
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return s.createManaged(ctx, r.account, service)
}

func (s *Service) createManaged(ctx context.Context, account, service string) error {
	k := &key{
		Account: account, ID: uuid.NewString(), Region: s.region, Service: service,
		Spec: seal.SymmetricDefault, Usage: seal.EncryptDecrypt, Created: s.clock.Now(),
		Description: "Default key that protects my " + managedKeys[service].protects + " when no other key is defined",
		Policy:      managedPolicy(account, s.region, service),
	}
	k.Rotation = &rotation{Enabled: true, Days: usualPeriod, Next: k.Created.Add(usualPeriod * day)}
	m, err := k.firstMaterial()
	if err != nil {
		return err
	}
	name := managedPrefix + service
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := aliases.Insert(tx, &alias{Account: account, Name: name, KeyID: k.ID, Created: tx.Now(), Updated: tx.Now()}); err != nil {
			return err
		}
		if err := keys.Insert(tx, k); err != nil {
			return err
		}
		return materialRows.Insert(tx, m)
	})
	if errors.Is(err, store.ErrExists) { // another call was first
		return nil
	}
	s.wake()
	return err
}

// managedPolicy lets the account's principals use the key through the service
// and look at it, and nobody anything else.
func managedPolicy(account, region, service string) string {
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "auto-%[1]s-1",
  "Statement" : [ {
    "Sid" : "Allow access through %[1]s for all principals in the account that are authorized to use %[1]s",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "*" },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : { "StringEquals" : { "kms:CallerAccount" : "%[2]s", "kms:ViaService" : "%[5]s.%[3]s.amazonaws.com" } }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "%[4]s" },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}`, service, account, region, arn.Root(account), managedKeys[service].via)
}
