package iam

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// linkedPath is where service-linked roles live, and nobody else.
	linkedPath = "/aws-service-role/"
	serviceKey = "iam:awsservicename"
	// taskKept is how long the outcome of a deletion can be asked for.
	taskKept = 90 * 24 * time.Hour
)

// linkedRole is the name of a service's own role, empty for services that have
// none (IAM User Guide, "AWS services that work with IAM", and each service's
// page on its service-linked role).
func linkedRole(service string) string {
	switch service {
	case "mrk.kms.amazonaws.com":
		return "AWSServiceRoleForKeyManagementServiceMultiRegionKeys"
	case "cks.kms.amazonaws.com":
		return "AWSServiceRoleForKeyManagementServiceCustomKeyStores"
	case "guardduty.amazonaws.com":
		return "AWSServiceRoleForAmazonGuardDuty"
	case "malware-protection.guardduty.amazonaws.com":
		return "AWSServiceRoleForAmazonGuardDutyMalwareProtection"
	case "inspector2.amazonaws.com":
		return "AWSServiceRoleForAmazonInspector2"
	case "agentless.inspector2.amazonaws.com":
		return "AWSServiceRoleForAmazonInspector2Agentless"
	case "macie.amazonaws.com":
		return "AWSServiceRoleForAmazonMacie"
	case "shield.amazonaws.com":
		return "AWSServiceRoleForAWSShield"
	case "fms.amazonaws.com":
		return "AWSServiceRoleForFMS"
	case "wafv2.amazonaws.com":
		return "AWSServiceRoleForWAFV2Logging"
	case "acm.amazonaws.com":
		return "AWSServiceRoleForCertificateManager"
	case "ssm.amazonaws.com":
		return "AWSServiceRoleForAmazonSSM"
	case "organizations.amazonaws.com":
		return "AWSServiceRoleForOrganizations"
	case "cloudtrail.amazonaws.com":
		return "AWSServiceRoleForCloudTrail"
	case "replication.dynamodb.amazonaws.com":
		return "AWSServiceRoleForDynamoDBReplication"
	case "globalaccelerator.amazonaws.com":
		return "AWSServiceRoleForGlobalAccelerator"
	case "elasticloadbalancing.amazonaws.com":
		return "AWSServiceRoleForElasticLoadBalancing"
	case "rds.amazonaws.com":
		return "AWSServiceRoleForRDS"
	default:
		return ""
	}
}

// linkedPolicy is the ARN of the managed policy that a service's own role has,
// empty if it has none.
func linkedPolicy(service string) string {
	name := map[string]string{
		"mrk.kms.amazonaws.com":                      "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy",
		"cks.kms.amazonaws.com":                      "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy",
		"guardduty.amazonaws.com":                    "AmazonGuardDutyServiceRolePolicy",
		"malware-protection.guardduty.amazonaws.com": "AmazonGuardDutyMalwareProtectionServiceRolePolicy",
		"inspector2.amazonaws.com":                   "AmazonInspector2ServiceRolePolicy",
		"agentless.inspector2.amazonaws.com":         "AmazonInspector2AgentlessServiceRolePolicy",
		"macie.amazonaws.com":                        "AmazonMacieServiceRolePolicy",
		"shield.amazonaws.com":                       "AWSShieldServiceRolePolicy",
		"fms.amazonaws.com":                          "FMSServiceRolePolicy",
		"wafv2.amazonaws.com":                        "WAFV2LoggingServiceRolePolicy",
		"acm.amazonaws.com":                          "CertificateManagerServiceRolePolicy",
		"ssm.amazonaws.com":                          "AmazonSSMServiceRolePolicy",
		"organizations.amazonaws.com":                "AWSOrganizationsServiceTrustPolicy",
		"cloudtrail.amazonaws.com":                   "CloudTrailServiceRolePolicy",
		"replication.dynamodb.amazonaws.com":         "DynamoDBReplicationServiceRolePolicy",
		"globalaccelerator.amazonaws.com":            "AWSGlobalAcceleratorSLRPolicy",
		"elasticloadbalancing.amazonaws.com":         "AWSElasticLoadBalancingServiceRolePolicy",
		"rds.amazonaws.com":                          "AmazonRDSServiceRolePolicy",
	}[service]
	if name == "" {
		return ""
	}
	return "arn:aws:iam::aws:policy" + linkedPath + name
}

// A linkedDeletion is the outcome of deleting a service-linked role.
type linkedDeletion struct {
	Account, Task string
	// Role is the ARN that the role had.
	Role string
	Done time.Time
}

var linkedDeletions = store.NewTable("iam.linkeddeletion",
	func(d *linkedDeletion) store.Key { return store.K(d.Account, d.Task) },
	store.Expires(func(d *linkedDeletion) time.Time { return d.Done.Add(taskKept) }))

func (s *Service) linkedRoleOperations() []wire.Operation {
	return []wire.Operation{
		op(s.onNewLinkedRole, s.CreateServiceLinkedRole),
		op(s.onLinkedRole, s.DeleteServiceLinkedRole),
		op(s.onLinkedDeletion, s.GetServiceLinkedRoleDeletionStatus),
	}
}

func (s *Service) onNewLinkedRole(ctx context.Context, in *iam.CreateServiceLinkedRoleInput) (authz.Target, error) {
	name := linkedRole(*in.AWSServiceName)
	if name == "" {
		name = "*" // the handler refuses it, to those who may ask
	}
	t := authz.On(roles.named(wire.CallFrom(ctx).Account(), linkedPath+*in.AWSServiceName+"/", name))
	t.Conditions = map[string][]string{serviceKey: {*in.AWSServiceName}}
	return t, nil
}

func (s *Service) onLinkedRole(ctx context.Context, in *iam.DeleteServiceLinkedRoleInput) (authz.Target, error) {
	t, err := on(s, roles, func(in *iam.DeleteServiceLinkedRoleInput) *string { return in.RoleName })(ctx, in)
	if err != nil || t.Missing != nil {
		return t, err
	}
	r, err := roles.view(ctx, s, *in.RoleName)
	if err != nil {
		return t, err
	}
	if r.Service != "" {
		t.Conditions = map[string][]string{serviceKey: {r.Service}}
	}
	return t, nil
}

func (s *Service) onLinkedDeletion(ctx context.Context, in *iam.GetServiceLinkedRoleDeletionStatusInput) (authz.Target, error) {
	account := wire.CallFrom(ctx).Account()
	service, name, ok := taskRole(*in.DeletionTaskId)
	if !ok {
		return authz.Target{}, invalid("Invalid deletion task ID: " + *in.DeletionTaskId)
	}
	t := authz.On(roles.named(account, linkedPath+service+"/", name))
	t.Conditions = map[string][]string{serviceKey: {service}}
	return t, nil
}

// taskRole takes a deletion's id apart: task/aws-service-role/service/role/id.
func taskRole(task string) (service, name string, ok bool) {
	parts := strings.Split(task, "/")
	if len(parts) != 5 || parts[0] != "task" || parts[1] != "aws-service-role" {
		return "", "", false
	}
	return parts[2], parts[3], true
}

// protected refuses what the users of an account may not do to a service's role.
func (r *role) protected() error {
	if r.Service == "" {
		return nil
	}
	return &types.UnmodifiableEntityException{
		Message: aws.String("Cannot perform the operation on the protected role '" + r.Name + "' - this role is only modifiable by AWS"),
	}
}

// CreateServiceLinkedRole makes the role that a service works with in the account.
func (s *Service) CreateServiceLinkedRole(ctx context.Context, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	service, name := *in.AWSServiceName, linkedRole(*in.AWSServiceName)
	if name == "" {
		return nil, invalid("The service " + service + " does not have a service-linked role.")
	}
	if in.CustomSuffix != nil {
		return nil, invalid("Custom suffix is not allowed for " + service)
	}
	account := wire.CallFrom(ctx).Account()
	r := &role{
		entity: entity{
			Account: account, Name: name, ID: newID(roles.prefix, account), Path: linkedPath + service + "/", Created: s.now(),
		},
		Service: service, Description: aws.ToString(in.Description), MaxSession: defaultSession,
		Trust: trust{Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["` + service + `"]},"Action":["sts:AssumeRole"]}]}`},
	}
	if policy := linkedPolicy(service); policy != "" {
		r.Attached = []string{policy}
	}
	err := roles.insert(ctx, s, r)
	if _, ok := errors.AsType[*types.EntityAlreadyExistsException](err); ok {
		return nil, invalid("Service role name " + name + " has been taken in this account, please try a different suffix.")
	}
	if err != nil {
		return nil, err
	}
	return &iam.CreateServiceLinkedRoleOutput{Role: r.api(r.Trust.Document)}, nil
}

// DeleteServiceLinkedRole deletes a service's role. The services of this program
// hold nothing by their roles that could be in its way, so it is done at once.
func (s *Service) DeleteServiceLinkedRole(ctx context.Context, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	var b [16]byte
	rand.Read(b[:])
	id, now := hex.EncodeToString(b[:]), s.now()
	var task string
	err := roles.update(ctx, s, *in.RoleName, func(tx *store.Tx, r *role) error {
		if r.Service == "" {
			return roles.missing(*in.RoleName)
		}
		for _, policy := range r.Attached {
			if err := s.use(tx, r.Account, policy, -1, 0); err != nil {
				return err
			}
		}
		task = "task" + r.Path + r.Name + "/" + id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
		return firstError(
			count(tx, r.Account, roles.noun, -1), roles.table.Delete(tx, r.Account, r.ID),
			linkedDeletions.Insert(tx, &linkedDeletion{Account: r.Account, Task: task, Role: roles.arn(&r.entity), Done: now}),
		)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteServiceLinkedRoleOutput{DeletionTaskId: &task}, nil
}

// GetServiceLinkedRoleDeletionStatus tells how a deletion went.
func (s *Service) GetServiceLinkedRoleDeletionStatus(ctx context.Context, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	account := wire.CallFrom(ctx).Account()
	err := s.db.View(ctx, func(tx *store.Tx) error {
		_, err := linkedDeletions.Get(tx, account, *in.DeletionTaskId)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noSuch("Deletion task with ID " + *in.DeletionTaskId + " cannot be found.")
	}
	if err != nil {
		return nil, err
	}
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeSucceeded}, nil
}
