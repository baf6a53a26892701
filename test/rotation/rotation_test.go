// Package rotation_test has Secrets Manager rotate the passwords of a real
// PostgreSQL, by functions that Lambda runs.
package rotation_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// A rig is a server with the rotation function, and a database.
type rig struct {
	*garrisontest.Server
	db       *cluster
	secrets  *secretsmanager.Client
	function string
}

func start(t *testing.T) *rig {
	t.Helper()
	r := &rig{db: startCluster(t)}
	r.Server = garrisontest.Start(t, func(c *server.Config) { c.FunctionUID = 1879900000 })
	r.secrets = secretsmanager.NewFromConfig(r.Config)
	roles := iam.NewFromConfig(r.Config)
	role, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("rotate"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("rotate"), PolicyName: aws.String("rotate"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents","secretsmanager:GetRandomPassword"]},` +
			`{"Effect":"Allow","Resource":"arn:aws:secretsmanager:*:*:secret:db/*","Action":["secretsmanager:DescribeSecret","secretsmanager:GetSecretValue","secretsmanager:PutSecretValue","secretsmanager:UpdateSecretVersionStage"]}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	r.function = r.newFunction(t, *role.Role.Arn)
	return r
}

func (r *rig) newFunction(t *testing.T, role string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"rotate.py", "secrets_api.py"} {
		body, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	functions := lambda.NewFromConfig(r.Config)
	made, err := functions.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("rotate"), Role: &role, Runtime: lambdatypes.RuntimePython311, Handler: aws.String("rotate.handler"),
		Code: &lambdatypes.FunctionCode{ZipFile: b.Bytes()}, Timeout: aws.Int32(30),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = functions.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("rotate"), StatementId: aws.String("secrets"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("secretsmanager.amazonaws.com"), SourceAccount: aws.String(garrisontest.Account),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *made.FunctionArn
}

// keep makes a secret of a login, and returns its ARN.
func (r *rig) keep(t *testing.T, name string, l login) string {
	t.Helper()
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(string(b))})
	if err != nil {
		t.Fatal(err)
	}
	return *out.ARN
}

// read is what a secret holds now.
func (r *rig) read(t *testing.T, name string) (l login) {
	t.Helper()
	out, err := r.secrets.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(*out.SecretString), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// rotate rotates a secret, and waits for that to succeed or fail.
func (r *rig) rotate(t *testing.T, name, outcome string) login {
	t.Helper()
	before := r.count(t, outcome)
	_, err := r.secrets.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: &name, RotationLambdaARN: &r.function})
	if err != nil {
		t.Fatal(err)
	}
	if !garrisontest.Eventually(func() bool { return r.count(t, outcome) > before }) {
		t.Fatalf("rotate %s: no event %s", name, outcome)
	}
	return r.read(t, name)
}

func (r *rig) count(t *testing.T, event string) int {
	t.Helper()
	out, err := cloudtrail.NewFromConfig(r.Config).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []trail.LookupAttribute{
		{AttributeKey: trail.LookupAttributeKeyEventName, AttributeValue: &event},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Events)
}

// opens checks what the database says to a login.
func (r *rig) opens(t *testing.T, l login, sql, want string) {
	t.Helper()
	if got := r.db.query(t, l, sql); got != want {
		t.Errorf("%s, as %s: %q, want %q", sql, l.Username, got, want)
	}
}

// TestRotation rotates one user, then two that take turns.
func TestRotation(t *testing.T) {
	t.Parallel()
	r := start(t)
	const who = "SELECT current_user"
	t.Run("single user", func(t *testing.T) {
		r.db.query(t, r.db.master(), "CREATE ROLE app LOGIN PASSWORD 'first'")
		first := r.db.user("app", "first")
		r.keep(t, "db/app", first)
		r.opens(t, first, who, "app")
		second := r.rotate(t, "db/app", "RotationSucceeded")
		if second.Username != "app" || len(second.Password) != 32 {
			t.Errorf("rotated to %s with a password of %d characters", second.Username, len(second.Password))
		}
		r.opens(t, second, who, "app")
		r.opens(t, first, who, "refused")
		r.opens(t, r.rotate(t, "db/app", "RotationSucceeded"), who, "app")
		r.opens(t, second, who, "refused")
	})
	t.Run("alternating users", func(t *testing.T) {
		r.db.query(t, r.db.master(), "CREATE ROLE orders LOGIN PASSWORD 'first'; CREATE TABLE orders AS SELECT 7 AS n; GRANT SELECT ON orders TO orders")
		first := r.db.user("orders", "first")
		first.Master = r.keep(t, "db/master", r.db.master())
		r.keep(t, "db/orders", first)
		const sum = "SELECT sum(n) FROM orders"
		second := r.rotate(t, "db/orders", "RotationSucceeded")
		if second.Username != "orders_clone" {
			t.Errorf("rotated to %s", second.Username)
		}
		r.opens(t, second, sum, "7")
		r.opens(t, first, sum, "7") // who has not read the secret since
		third := r.rotate(t, "db/orders", "RotationSucceeded")
		r.opens(t, third, sum, "7")
		r.opens(t, second, sum, "7")
		r.opens(t, first, sum, "refused")
	})
	t.Run("a failure", func(t *testing.T) {
		r.db.query(t, r.db.master(), "CREATE ROLE late LOGIN PASSWORD 'first'")
		first := r.db.user("late", "first")
		wrong := r.db.user("master", "wrong")
		first.Master = r.keep(t, "db/wrong", wrong)
		r.keep(t, "db/late", first)
		if got := r.rotate(t, "db/late", "RotationFailed"); got != first {
			t.Errorf("a failed rotation has changed the secret: %s", got.Username)
		}
		r.opens(t, first, who, "late")
	})
}
