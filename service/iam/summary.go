package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

func (s *Service) summaryOperations() []wire.Operation {
	return []wire.Operation{op(onAny[iam.GetAccountSummaryInput], s.GetAccountSummary)}
}

// GetAccountSummary returns what the account has of everything, and may have.
func (s *Service) GetAccountSummary(ctx context.Context, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	account := wire.CallFrom(ctx).Account()
	out := limits()
	err := s.db.View(ctx, func(tx *store.Tx) error {
		for _, sum := range summed {
			t, err := counted(tx, account, sum.noun)
			if err != nil {
				return err
			}
			out[string(sum.key)] += int32(t.Count) //nolint:gosec // quotas are far below the type's limit
		}
		row, err := accountIn(tx, account, s.now())
		if err != nil {
			return err
		}
		for _, id := range row.Keys {
			k, err := accessKeys.Get(tx, account, id)
			if err != nil {
				return err
			}
			if k.Active {
				out[string(types.SummaryKeyTypeAccountAccessKeysPresent)] = 1
			}
		}
		return nil
	})
	return &iam.GetAccountSummaryOutput{SummaryMap: out}, err
}

// summed are the nouns that each number of the summary counts.
var summed = []struct {
	key  types.SummaryKeyType
	noun string
}{
	{types.SummaryKeyTypeUsers, users.noun},
	{types.SummaryKeyTypeGroups, groups.noun},
	{"Roles", roles.noun},
	{types.SummaryKeyTypePolicies, policyNoun},
	{types.SummaryKeyTypePolicyVersionsInUse, versionNoun},
	{"InstanceProfiles", instanceProfileNoun},
	{types.SummaryKeyTypeMFADevices, mfaNoun},
	{types.SummaryKeyTypeMFADevicesInUse, mfaInUseNoun},
	{types.SummaryKeyTypeServerCertificates, serverCertificateNoun},
	{"Providers", oidcNoun},
	{"Providers", samlNoun},
}

// limits are the quotas of the summary, and its facts that are 0 for every
// account: its root signs in by access key alone.
func limits() map[string]int32 {
	return map[string]int32{
		"UsersQuota": maxUsers, "GroupsQuota": maxGroupsOfAccount, "RolesQuota": maxRoles, "PoliciesQuota": maxPolicies,
		"InstanceProfilesQuota": maxInstanceProfiles, "PolicySizeQuota": maxPolicy, "PolicyVersionsInUseQuota": maxVersionsInUse,
		"VersionsPerPolicyQuota": maxVersions, "AssumeRolePolicySizeQuota": maxTrust,
		"UserPolicySizeQuota": int32(users.inline), "GroupPolicySizeQuota": int32(groups.inline), "RolePolicySizeQuota": int32(roles.inline), //nolint:gosec // quotas are far below the type's limit
		"AttachedPoliciesPerUserQuota": maxAttached, "AttachedPoliciesPerGroupQuota": maxAttached, "AttachedPoliciesPerRoleQuota": maxAttached,
		"GroupsPerUserQuota": maxGroups, "AccessKeysPerUserQuota": maxKeys,
		"GlobalEndpointTokenVersion": 1,
		"AccountMFAEnabled":          0, "AccountAccessKeysPresent": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0,
		"ServerCertificatesQuota": maxCertificates, "SigningCertificatesPerUserQuota": maxSigningCertificates, "Providers": 0,
	}
}
