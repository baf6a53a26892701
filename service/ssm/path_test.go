package ssm_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// listed are the names of a hierarchy, page by page.
func listed(t *testing.T, c *ssm.Client, in *ssm.GetParametersByPathInput) string {
	t.Helper()
	var names []string
	pages := ssm.NewGetParametersByPathPaginator(c, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("by path %s: %v", *in.Path, err)
		}
		for _, p := range page.Parameters {
			names = append(names, *p.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func filterBy(key, option string, values ...string) []types.ParameterStringFilter {
	f := types.ParameterStringFilter{Key: &key, Values: values}
	if option != "" {
		f.Option = &option
	}
	return []types.ParameterStringFilter{f}
}

func TestGetParametersByPath(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for _, name := range []string{"/a/1", "/a/2", "/a/b/3", "/a/b/c/4", "/a-b/5", "/a.b", "/ab", "top", "/z/9"} {
		put(t, c, name, "x")
	}
	secret(t, c, "/a/secret", "s", "", "")
	if _, err := c.LabelParameterVersion(t.Context(), &ssm.LabelParameterVersionInput{Name: aws.String("/a/2"), Labels: []string{"prod"}}); err != nil {
		t.Fatal(err)
	}
	put(t, c, "/a/2", "later")
	for _, tt := range []struct {
		path    string
		deep    bool
		filters []types.ParameterStringFilter
		want    string
	}{
		{"/a", false, nil, "/a/1 /a/2 /a/secret"},
		{"/a/", false, nil, "/a/1 /a/2 /a/secret"},
		{"/a", true, nil, "/a/1 /a/2 /a/b/3 /a/b/c/4 /a/secret"},
		{"/a/b", true, nil, "/a/b/3 /a/b/c/4"},
		{"/", false, nil, "/a.b /ab top"},
		{"/", true, nil, "/a-b/5 /a.b /a/1 /a/2 /a/b/3 /a/b/c/4 /a/secret /ab /z/9 top"},
		{"/nothing", true, nil, ""},
		{"/a", true, filterBy("Type", "", "SecureString"), "/a/secret"},
		{"/a", false, filterBy("Type", "BeginsWith", "String"), "/a/1 /a/2"},
		{"/a", false, filterBy("KeyId", "Equals", "alias/aws/ssm"), "/a/secret"},
		{"/a", false, filterBy("Label", "Equals", "prod"), "/a/2"},
	} {
		for _, size := range []int32{1, 2, 10} {
			got := listed(t, c, &ssm.GetParametersByPathInput{Path: &tt.path, Recursive: &tt.deep, ParameterFilters: tt.filters, MaxResults: &size})
			if got != tt.want {
				t.Errorf("%s recursive %v, %d a page: %q, want %q", tt.path, tt.deep, size, got, tt.want)
			}
		}
	}
	out, err := c.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: aws.String("/a"), ParameterFilters: filterBy("Label", "", "prod")})
	if err != nil || len(out.Parameters) != 1 || *out.Parameters[0].Value != "x" || *out.Parameters[0].Selector != ":prod" {
		t.Errorf("by label: %+v, %v", out, err)
	}
}

func TestGetParametersByPathRefusals(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	for _, tt := range []struct {
		in   ssm.GetParametersByPathInput
		want string
	}{
		{ssm.GetParametersByPathInput{Path: aws.String("a")}, "ValidationException: The parameter doesn't meet the parameter name requirements."},
		{ssm.GetParametersByPathInput{Path: aws.String("/a//b")}, "ValidationException: The parameter doesn't meet"},
		{ssm.GetParametersByPathInput{Path: aws.String("/a"), NextToken: aws.String("x")}, "InvalidNextToken"},
		{ssm.GetParametersByPathInput{Path: aws.String("/a"), MaxResults: aws.Int32(11)}, "ValidationException: 1 validation error detected"},
		{ssm.GetParametersByPathInput{Path: aws.String("/a"), ParameterFilters: filterBy("Name", "", "x")}, "InvalidFilterKey: "},
		{ssm.GetParametersByPathInput{Path: aws.String("/a"), ParameterFilters: filterBy("Label", "BeginsWith", "x")}, "InvalidFilterOption: The following filter option is not valid: BeginsWith. Valid options include: [Equals]."},
		{ssm.GetParametersByPathInput{Path: aws.String("/a"), ParameterFilters: filterBy("Type", "", "x")}, "InvalidFilterValue"},
	} {
		_, err := c.GetParametersByPath(t.Context(), &tt.in)
		garrisontest.Want(t, err, tt.want)
	}
	u := user(t, s, "reader", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ssm:GetParametersByPath","Resource":"`+arnOf("a")+`"},
		{"Effect":"Deny","Action":"ssm:GetParametersByPath","Resource":"`+arnOf("a/b")+`"},
		{"Effect":"Deny","Action":"ssm:GetParametersByPath","Resource":"*","Condition":{"StringEquals":{"ssm:Recursive":"false"}}}]}`)
	put(t, c, "/a/b/secret", "x")
	if got := listed(t, u, &ssm.GetParametersByPathInput{Path: aws.String("/a"), Recursive: aws.Bool(true)}); got != "/a/b/secret" {
		t.Errorf("who may read a path sees %q below it", got)
	}
	for _, in := range []ssm.GetParametersByPathInput{{Path: aws.String("/a/b"), Recursive: aws.Bool(true)}, {Path: aws.String("/a")}, {Path: aws.String("/c")}} {
		_, err := u.GetParametersByPath(t.Context(), &in)
		garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/reader is not authorized to perform: ssm:GetParametersByPath on resource: "+arnOf(strings.TrimPrefix(*in.Path, "/")))
	}
}

func TestPublicParameters(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	const regions = "/aws/service/global-infrastructure/regions"
	if p := wantValue(t, c, regions+"/eu-west-1", "eu-west-1"); *p.ARN != "arn:aws:ssm:us-east-1::parameter/aws/service/global-infrastructure/regions/eu-west-1" {
		t.Errorf("ARN = %s", *p.ARN)
	}
	wantValue(t, c, regions+"/eu-west-1/partition", "aws")
	wantValue(t, c, "arn:aws:ssm:us-east-1::parameter"+regions+"/us-east-1/domain", "amazonaws.com")
	if got := listed(t, c, &ssm.GetParametersByPathInput{Path: aws.String(regions), MaxResults: aws.Int32(1)}); got != regions+"/eu-west-1 "+regions+"/us-east-1" {
		t.Errorf("listed %q", got)
	}
	if got := listed(t, c, &ssm.GetParametersByPathInput{Path: aws.String(regions), Recursive: aws.Bool(true), MaxResults: aws.Int32(4)}); strings.Count(got, " ") != 5 {
		t.Errorf("listed %q", got)
	}
	_, err := get(t, c, regions+"/mars-1")
	garrisontest.Want(t, err, "ParameterNotFound")
	nobody := user(t, s, "nobody", "")
	_, err = get(t, nobody, regions+"/eu-west-1")
	garrisontest.Want(t, err, "AccessDeniedException")
}

func TestDescribeParameters(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for i := range 12 {
		put(t, c, fmt.Sprintf("/many/%02d", i), "x")
	}
	put(t, c, "/many/deep/er", "x")
	put(t, c, "plain", "x")
	secret(t, c, "/secret", "s", "", types.ParameterTierAdvanced)
	mustPut(t, c, &ssm.PutParameterInput{Name: aws.String("/list"), Value: aws.String("a,b"), Type: types.ParameterTypeStringList, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
	for _, tt := range []struct {
		filters []types.ParameterStringFilter
		want    int
	}{
		{nil, 16},
		{filterBy("Name", "Equals", "/secret", "plain", "/nothing"), 2},
		{filterBy("Name", "", "secret"), 1},
		{filterBy("Name", "BeginsWith", "/many"), 13},
		{filterBy("Name", "Contains", "ec"), 1},
		{filterBy("Type", "Equals", "StringList", "SecureString"), 2},
		{filterBy("KeyId", "BeginsWith", "alias/aws"), 1},
		{filterBy("Path", "Recursive", "/many"), 13},
		{filterBy("Path", "", "/many"), 12},
		{filterBy("Path", "OneLevel", "/many", "/many/deep"), 13},
		{filterBy("Path", "OneLevel", "/"), 3},
		{filterBy("Tier", "", "Advanced"), 1},
		{filterBy("DataType", "", "text"), 16},
		{filterBy("tag:team", "", "blue"), 1},
		{filterBy("tag:team", ""), 1},
		{filterBy("tag:team", "Equals", "red"), 0},
		{append(filterBy("Path", "Recursive", "/many"), filterBy("Name", "Contains", "er")...), 1},
	} {
		for _, size := range []int32{1, 5, 50} {
			n := 0
			pages := ssm.NewDescribeParametersPaginator(c, &ssm.DescribeParametersInput{ParameterFilters: tt.filters, MaxResults: &size})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n += len(page.Parameters)
			}
			if n != tt.want {
				t.Errorf("%s %v: %d parameters, %d a page, want %d", key(tt.filters), tt.filters, n, size, tt.want)
			}
		}
	}
	old, err := c.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{Filters: []types.ParametersFilter{{Key: "Name", Values: []string{"/many/0"}}}})
	if err != nil || len(old.Parameters) != 10 {
		t.Errorf("by the old filters: %v", err)
	}
}

func key(f []types.ParameterStringFilter) string {
	if len(f) == 0 {
		return "all"
	}
	return *f[0].Key
}

func TestDescribeRefusals(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	for _, tt := range []struct {
		in   ssm.DescribeParametersInput
		want string
	}{
		{ssm.DescribeParametersInput{ParameterFilters: filterBy("Label", "", "x")}, "InvalidFilterKey: "},
		{ssm.DescribeParametersInput{ParameterFilters: filterBy("Name", "Recursive", "x")}, "InvalidFilterOption: The following filter option is not valid: Recursive. Valid options include: [BeginsWith, Contains, Equals]."},
		{ssm.DescribeParametersInput{ParameterFilters: filterBy("Path", "Equals", "/x")}, "InvalidFilterOption"},
		{ssm.DescribeParametersInput{ParameterFilters: filterBy("Path", "OneLevel", "/aws")}, "ValidationException: Filters for common parameters"},
		{ssm.DescribeParametersInput{ParameterFilters: filterBy("Path", "OneLevel", "x")}, "ValidationException: The parameter doesn't meet"},
		{ssm.DescribeParametersInput{ParameterFilters: filterBy("Tier", "", "x")}, "InvalidFilterValue"},
		{ssm.DescribeParametersInput{ParameterFilters: filterBy("Name", "")}, "InvalidFilterValue: The following filter values are missing : null for filter key Name."},
		{ssm.DescribeParametersInput{ParameterFilters: append(filterBy("Name", "", "x"), filterBy("Name", "", "y")...)}, "InvalidFilterKey: "},
		{ssm.DescribeParametersInput{NextToken: aws.String("x")}, "InvalidNextToken"},
		{ssm.DescribeParametersInput{ParameterFilters: filterBy("Name", "", "x"), Filters: []types.ParametersFilter{{Key: "Name", Values: []string{"a"}}}}, "ValidationException: You can use either"},
	} {
		_, err := c.DescribeParameters(t.Context(), &tt.in)
		garrisontest.Want(t, err, tt.want)
	}
	u := user(t, s, "reader", allowing(arnOf("*"), "ssm:*"))
	_, err := u.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/reader is not authorized to perform: ssm:DescribeParameters on resource: arn:aws:ssm:us-east-1:"+account+":*")
}
