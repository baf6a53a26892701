package wire_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// clients lists the operations that the SDK has of each service.
func clients() map[string][]wire.Operation {
	return map[string][]wire.Operation{
		"secretsmanager": operationsOf[secretsmanager.Client](),
		"ssm":            operationsOf[ssm.Client](),
		"account":        operationsOf[account.Client](),
		"cloudtrail":     operationsOf[cloudtrail.Client](),
		"cloudwatch":     operationsOf[cloudwatch.Client](),
		"cloudwatchlogs": operationsOf[cloudwatchlogs.Client](),
		"ec2":            operationsOf[ec2.Client](),
		"iam":            operationsOf[iam.Client](),
		"kms":            operationsOf[kms.Client](),
		"lambda":         operationsOf[lambda.Client](),
		"s3":             operationsOf[s3.Client](),
		"sns":            operationsOf[sns.Client](),
		"sqs":            operationsOf[sqs.Client](),
		"sts":            operationsOf[sts.Client](),
	}
}

// unions are those of each service.
func unions() map[string][]wire.UnionType {
	return map[string][]wire.UnionType{
		"cloudwatch": {wire.Union[cloudwatchtypes.EvaluationCriteria](
			(*cloudwatchtypes.EvaluationCriteriaMemberPromQLCriteria)(nil),
		)},
		"cloudwatchlogs": {
			wire.Union[logtypes.IntegrationDetails]((*logtypes.IntegrationDetailsMemberOpenSearchIntegrationDetails)(nil)),
			wire.Union[logtypes.ResourceConfig]((*logtypes.ResourceConfigMemberOpenSearchResourceConfig)(nil)),
		},
		"ssm": {
			wire.Union[ssmtypes.CloudConnectorConfiguration]((*ssmtypes.CloudConnectorConfigurationMemberAzureConfiguration)(nil)),
			wire.Union[ssmtypes.ConfigurationTargets]((*ssmtypes.ConfigurationTargetsMemberSubscriptions)(nil)),
			wire.Union[ssmtypes.ExecutionInputs]((*ssmtypes.ExecutionInputsMemberAutomation)(nil)),
			wire.Union[ssmtypes.ExecutionPreview]((*ssmtypes.ExecutionPreviewMemberAutomation)(nil)),
			wire.Union[ssmtypes.NodeType]((*ssmtypes.NodeTypeMemberInstance)(nil)),
		},
		"s3": {
			wire.Union[s3types.AnalyticsFilter](
				(*s3types.AnalyticsFilterMemberAnd)(nil), (*s3types.AnalyticsFilterMemberPrefix)(nil),
				(*s3types.AnalyticsFilterMemberTag)(nil),
			),
			wire.Union[s3types.ObjectEncryption]((*s3types.ObjectEncryptionMemberSSEKMS)(nil)),
			wire.Union[s3types.MetricsFilter](
				(*s3types.MetricsFilterMemberAccessPointArn)(nil), (*s3types.MetricsFilterMemberAnd)(nil),
				(*s3types.MetricsFilterMemberPrefix)(nil), (*s3types.MetricsFilterMemberTag)(nil),
			),
		},
	}
}

// bind binds all operations that both the SDK and the model have.
func bind(t testing.TB, name string) *wire.Service {
	t.Helper()
	table, ok := model.Lookup(name)
	if !ok {
		t.Fatalf("no table of %s", name)
	}
	var ops []wire.Operation
	for _, op := range clients()[name] {
		if table.HasOperation(op.Name) {
			ops = append(ops, op)
		}
	}
	return mustService(t, name, ops, unions()[name]...)
}

// TestEveryMemberHasItsField binds every operation of every model: binding fails
// on a member that has no field in the SDK's type.
func TestEveryMemberHasItsField(t *testing.T) {
	t.Parallel()
	lacking := map[string]bool{
		"s3.GetBucketLifecycle": true, "s3.GetBucketNotification": true, "s3.PutBucketLifecycle": true, "s3.PutBucketNotification": true,
	}
	for name := range clients() {
		s := bind(t, name)
		table, _ := model.Lookup(name)
		for o := range table.Operations() {
			if _, ok := s.Operation(o.Name); ok == lacking[name+"."+o.Name] {
				t.Errorf("%s: the SDK has operation %s: %t", name, o.Name, ok)
			}
		}
	}
}
