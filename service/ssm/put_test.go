package ssm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestPutRefusals(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	put(t, c, "/taken", "x")
	mustPut(t, c, &ssm.PutParameterInput{Name: aws.String("/number"), Value: aws.String("1"), Type: types.ParameterTypeString, AllowedPattern: aws.String("[0-9]+")})
	text, list, secure := types.ParameterTypeString, types.ParameterTypeStringList, types.ParameterTypeSecureString
	deep := strings.Repeat("/a", 16)
	for _, tt := range []struct {
		about string
		in    ssm.PutParameterInput
		want  string
	}{
		{"taken", ssm.PutParameterInput{Name: aws.String("/taken"), Type: text}, "ParameterAlreadyExists: The parameter already exists. To overwrite this value, set the overwrite option in the request to true."},
		{"taken without its slash", ssm.PutParameterInput{Name: aws.String("taken"), Type: text, Overwrite: aws.Bool(true)}, "ParameterAlreadyExists"},
		{"other type", ssm.PutParameterInput{Name: aws.String("/taken"), Type: list, Overwrite: aws.Bool(true)}, "HierarchyTypeMismatchException"},
		{"no type", ssm.PutParameterInput{Name: aws.String("/fresh")}, "ValidationException: A parameter type is required when you create a parameter."},
		{"reserved", ssm.PutParameterInput{Name: aws.String("AwsThing"), Type: text}, `ValidationException: Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`},
		{"reserved path", ssm.PutParameterInput{Name: aws.String("/AWS/a"), Type: text}, "AccessDeniedException: No access to reserved parameter name: /AWS/a."},
		{"reserved ssm path", ssm.PutParameterInput{Name: aws.String("/ssm/a"), Type: text}, `ValidationException: Parameter name: can't be prefixed with "ssm"`},
		{"path without slash", ssm.PutParameterInput{Name: aws.String("a/b"), Type: text}, "ValidationException: Parameter name must be a fully qualified name."},
		{"slash at the end", ssm.PutParameterInput{Name: aws.String("/a/"), Type: text}, "ValidationException: Parameter name must not end with slash."},
		{"two slashes", ssm.PutParameterInput{Name: aws.String("/a//b"), Type: text}, "ValidationException: Parameter name"},
		{"bad letter", ssm.PutParameterInput{Name: aws.String("/a b"), Type: text}, "ValidationException: Parameter name"},
		{"ARN", ssm.PutParameterInput{Name: aws.String(arnOf("a")), Type: text}, "ValidationException: Parameter name"},
		{"16 levels", ssm.PutParameterInput{Name: &deep, Type: text}, "HierarchyLevelLimitExceededException"},
		{"long", ssm.PutParameterInput{Name: aws.String("/" + strings.Repeat("a", 1000)), Type: text}, "ValidationException: Parameter name is too long"},
		{"empty value", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, Value: aws.String("")}, "ValidationException: 1 validation error detected: Value '' at 'value'"},
		{"nested", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, Value: aws.String("{{ssm:b}}")}, "ValidationException: Parameter value can't nest"},
		{"4097 bytes", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, Value: aws.String(strings.Repeat("x", 4097))}, "ValidationException: Standard tier parameters support a maximum parameter value of 4096 characters."},
		{"8193 bytes", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, Tier: types.ParameterTierAdvanced, Value: aws.String(strings.Repeat("x", 8193))}, "ValidationException: Advanced tier parameters support a maximum parameter value of 8192 characters."},
		{"key of a text", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, KeyId: aws.String("alias/x")}, "ValidationException: KeyId is required"},
		{"key of a text that is", ssm.PutParameterInput{Name: aws.String("/taken"), Overwrite: aws.Bool(true), KeyId: aws.String("alias/x")}, "ValidationException: KeyId is required"},
		{"no such key", ssm.PutParameterInput{Name: aws.String("/a"), Type: secure, KeyId: aws.String("alias/nothing")}, "InvalidKeyId: Alias arn:aws:kms:us-east-1:111122223333:alias/nothing is not found."},
		{"data type", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, DataType: aws.String("Text")}, "ValidationException: The following data type is not supported: Text (Data type names are all lowercase.)"},
		{"integration", ssm.PutParameterInput{Name: aws.String("/a"), Type: secure, DataType: aws.String("aws:ssm:integration")}, "ValidationException: The following data type is not supported"},
		{"no image", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, DataType: aws.String("aws:ec2:image"), Value: aws.String("x")}, "ValidationException: Parameter value is not in the required format"},
		{"pattern", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, AllowedPattern: aws.String(`\d+`), Value: aws.String("12x")}, "ParameterPatternMismatchException: Parameter value, cannot be validated against allowedPattern: "},
		{"kept pattern", ssm.PutParameterInput{Name: aws.String("/number"), Overwrite: aws.Bool(true), Value: aws.String("x")}, "ParameterPatternMismatchException"},
		{"large pattern", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, AllowedPattern: aws.String(strings.Repeat("(?:x{900})?", 20))}, "InvalidAllowedPatternException"},
		{"bad pattern", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, AllowedPattern: aws.String(`(`)}, "InvalidAllowedPatternException"},
		{"tags and overwrite", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, Overwrite: aws.Bool(true), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}, "ValidationException: Invalid request: tags and overwrite can't be used together."},
		{"reserved tag", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, Tags: []types.Tag{{Key: aws.String("aws:a"), Value: aws.String("b")}}}, "ValidationException: Tag keys"},
		{"policies of a standard one", ssm.PutParameterInput{Name: aws.String("/a"), Type: text, Policies: aws.String(`[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"1","Unit":"Days"}}]`)}, "ValidationException: Parameter policies"},
	} {
		if tt.in.Value == nil {
			tt.in.Value = aws.String("value")
		}
		_, err := c.PutParameter(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.about, got, tt.want)
		}
	}
}

func TestOverwriteKeepsWhatIsNotSaid(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	mustPut(t, c, &ssm.PutParameterInput{
		Name: aws.String("/image"), Value: aws.String("ami-12345abcdeEXAMPLE"), Type: types.ParameterTypeString, DataType: aws.String("aws:ec2:image"),
		Description: aws.String("ours"), AllowedPattern: aws.String("^ami-.*$"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	})
	n := mustPut(t, c, &ssm.PutParameterInput{Name: aws.String("/image"), Value: aws.String("ami-0123456789abcdef0"), Overwrite: aws.Bool(true)})
	out, err := c.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
	if err != nil || len(out.Parameters) != 1 {
		t.Fatalf("described %+v, %v", out, err)
	}
	p := out.Parameters[0]
	if n != 2 || p.Version != 2 || *p.Description != "ours" || *p.AllowedPattern != "^ami-.*$" || *p.DataType != "aws:ec2:image" ||
		p.Tier != types.ParameterTierStandard || *p.LastModifiedUser != "arn:aws:iam::"+account+":root" {
		t.Errorf("described %+v", p)
	}
	_, err = c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/image"), Value: aws.String("ami-x"), Overwrite: aws.Bool(true)})
	garrisontest.Want(t, err, "ValidationException: Parameter value is not in the required format")
}

func TestTiers(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	tierOf := func(name, size string, tier types.ParameterTier) types.ParameterTier {
		t.Helper()
		out, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &size, Type: types.ParameterTypeString, Tier: tier, Overwrite: aws.Bool(true)})
		if err != nil {
			t.Fatalf("put %s: %v", name, err)
		}
		return out.Tier
	}
	large := strings.Repeat("x", 5000)
	standard, advanced, intelligent := types.ParameterTierStandard, types.ParameterTierAdvanced, types.ParameterTierIntelligentTiering
	for _, tt := range []struct {
		name, value string
		ask, want   types.ParameterTier
	}{
		{"/a", "x", "", standard},
		{"/a", large, advanced, advanced},
		{"/a", "x", "", advanced},
		{"/a", "x", intelligent, advanced},
		{"/b", "x", intelligent, standard},
		{"/b", large, intelligent, advanced},
	} {
		if got := tierOf(tt.name, tt.value, tt.ask); got != tt.want {
			t.Errorf("%s of %d bytes as %q is %s, want %s", tt.name, len(tt.value), tt.ask, got, tt.want)
		}
	}
	_, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("x"), Tier: standard, Overwrite: aws.Bool(true)})
	garrisontest.Want(t, err, "ValidationException: This parameter uses the advanced-parameter tier.")
}

func TestVersions(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for i := 1; i <= 100; i++ {
		if n := put(t, c, "/v", fmt.Sprint("value", i)); n != int64(i) {
			t.Fatalf("version = %d, want %d", n, i)
		}
	}
	label := func(n int64, labels ...string) *ssm.LabelParameterVersionOutput {
		t.Helper()
		out, err := c.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/v"), ParameterVersion: &n, Labels: labels})
		if err != nil {
			t.Fatalf("label version %d: %v", n, err)
		}
		return out
	}
	label(1, "first")
	_, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/v"), Value: aws.String("x"), Overwrite: aws.Bool(true)})
	garrisontest.Want(t, err, "ParameterMaxVersionLimitExceeded: You attempted to create a new version of /v by calling the PutParameter API with the overwrite flag. "+
		"Version 1, the oldest version, can't be deleted because it has a label associated with it.")
	label(50, "first")
	put(t, c, "/v", "value101")
	for selector, value := range map[string]string{"": "value101", ":101": "value101", ":2": "value2", ":first": "value50"} {
		if p := wantValue(t, c, "/v"+selector, value); aws.ToString(p.Selector) != selector {
			t.Errorf("selector = %q, want %q", aws.ToString(p.Selector), selector)
		}
	}
	wantValue(t, c, arnOf("v")+":first", "value50")
	for _, selector := range []string{"1", "102", "nothing", "-1", "0"} {
		_, err := get(t, c, "/v:"+selector)
		garrisontest.Want(t, err, "ParameterVersionNotFound: Systems Manager could not find version "+selector+" of /v. Verify the version and try again.")
	}
	var history []types.ParameterHistory
	pages := ssm.NewGetParameterHistoryPaginator(c, &ssm.GetParameterHistoryInput{Name: aws.String("/v"), MaxResults: aws.Int32(30)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		history = append(history, page.Parameters...)
	}
	if len(history) != 100 || history[0].Version != 2 || history[99].Version != 101 || *history[99].Value != "value101" || history[48].Labels[0] != "first" {
		t.Errorf("history has %d versions", len(history))
	}
	_, err = c.GetParameterHistory(t.Context(), &ssm.GetParameterHistoryInput{Name: aws.String("/v"), NextToken: aws.String("x")})
	garrisontest.Want(t, err, "InvalidNextToken")
	_, err = c.GetParameterHistory(t.Context(), &ssm.GetParameterHistoryInput{Name: aws.String("/w")})
	garrisontest.Want(t, err, "ParameterNotFound")
}

func TestLabels(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	put(t, c, "/l", "1")
	put(t, c, "/l", "2")
	label := func(n *int64, labels ...string) (*ssm.LabelParameterVersionOutput, error) {
		return c.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/l"), ParameterVersion: n, Labels: labels})
	}
	out, err := label(nil, "good", "1bad", "awsbad", "SSMbad", "b/d", "A.b-c_1")
	if err != nil || out.ParameterVersion != 2 || fmt.Sprint(out.InvalidLabels) != "[1bad awsbad SSMbad b/d]" {
		t.Errorf("labeled %+v, %v", out, err)
	}
	wantValue(t, c, "/l:A.b-c_1", "2")
	_, err = label(nil, "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9")
	garrisontest.Want(t, err, "ParameterVersionLabelLimitExceeded: A parameter version can have maximum 10 labels.Move one or more labels to another version and try again.")
	if _, err = label(aws.Int64(1), "good"); err != nil {
		t.Fatal(err)
	}
	wantValue(t, c, "/l:good", "1")
	_, err = label(aws.Int64(3), "good")
	garrisontest.Want(t, err, "ParameterVersionNotFound: Systems Manager could not find version 3 of /l.")
	_, err = c.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/m"), Labels: []string{"a"}})
	garrisontest.Want(t, err, "ParameterNotFound")
	off, err := c.UnlabelParameterVersion(t.Context(), &ssm.UnlabelParameterVersionInput{Name: aws.String("/l"), ParameterVersion: aws.Int64(1), Labels: []string{"good", "A.b-c_1"}})
	if err != nil || fmt.Sprint(off.RemovedLabels, off.InvalidLabels) != "[good] [A.b-c_1]" {
		t.Errorf("unlabeled %+v, %v", off, err)
	}
	_, err = get(t, c, "/l:good")
	garrisontest.Want(t, err, "ParameterVersionNotFound")
}

func TestGetParametersAndDelete(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	put(t, c, "/b", "1")
	put(t, c, "a", "2")
	names := []string{"/b", "/nothing", "a", "a:7", arnOf("b") + ":1"}
	out, err := c.GetParameters(t.Context(), &ssm.GetParametersInput{Names: names})
	if err != nil || len(out.Parameters) != 3 || *out.Parameters[0].Name != "/b" || *out.Parameters[2].Name != "a" ||
		fmt.Sprint(out.InvalidParameters) != "[/nothing a:7]" {
		t.Errorf("got %+v, %v", out, err)
	}
	gone, err := c.DeleteParameters(t.Context(), &ssm.DeleteParametersInput{Names: []string{"/b", "/c"}})
	if err != nil || fmt.Sprint(gone.DeletedParameters, gone.InvalidParameters) != "[/b] [/c]" {
		t.Errorf("deleted %+v, %v", gone, err)
	}
	if _, err := c.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("a")}); err != nil {
		t.Error(err)
	}
	_, err = c.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String("a")})
	garrisontest.Want(t, err, "ParameterNotFound")
	_, err = get(t, c, "/b")
	garrisontest.Want(t, err, "ParameterNotFound")
	if n := put(t, c, "/b", "anew"); n != 1 {
		t.Errorf("version of a parameter made anew = %d, want 1", n)
	}
}
