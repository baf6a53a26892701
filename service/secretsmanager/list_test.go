package secretsmanager_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func filter(key types.FilterNameStringType, values ...string) types.Filter {
	return types.Filter{Key: key, Values: values}
}

// listed returns the names of a list, all pages of it.
func listed(t *testing.T, c *secretsmanager.Client, in *secretsmanager.ListSecretsInput) string {
	t.Helper()
	var out []string
	p := secretsmanager.NewListSecretsPaginator(c, in)
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.SecretList {
			out = append(out, *s.Name)
		}
	}
	return strings.Join(out, " ")
}

func TestListSecretsFilters(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	for _, in := range []secretsmanager.CreateSecretInput{
		{Name: aws.String("prod/DatabaseSecret"), Description: aws.String("My basic description"), Tags: []types.Tag{tag("Team", "red")}},
		{Name: aws.String("prod/api"), Description: aws.String("Description of my secret"), Tags: []types.Tag{tag("team", "Blue-1")}},
		{Name: aws.String("dev/api"), Tags: []types.Tag{tag("env", "dev")}},
	} {
		mustCreate(t, c, &in)
		s.Clock.Advance(time.Second)
	}
	create(t, secretsmanager.NewFromConfig(s.ConfigFor(other, region)), "prod/theirs", "")
	create(t, secretsmanager.NewFromConfig(s.ConfigFor(account, garrisontest.OtherRegion)), "prod/elsewhere", "")
	const db, api, dev = "prod/DatabaseSecret", "prod/api", "dev/api"
	for _, tt := range []struct {
		name    string
		filters []types.Filter
		want    []string
	}{
		{"none", nil, []string{db, api, dev}},
		{"name", []types.Filter{filter("name", "prod/")}, []string{db, api}},
		{"name in other letters", []types.Filter{filter("name", "PROD/")}, nil},
		{"name's middle", []types.Filter{filter("name", "api")}, nil},
		{"either name", []types.Filter{filter("name", "prod/a", "dev")}, []string{api, dev}},
		{"not the name", []types.Filter{filter("name", "!prod/")}, []string{dev}},
		{"one name but not the other", []types.Filter{filter("name", "prod/", "!prod/D")}, []string{api}},
		{"description", []types.Filter{filter("description", "my description")}, []string{db, api}},
		{"description's beginning of a word", []types.Filter{filter("description", "Bas")}, []string{db}},
		{"not the description", []types.Filter{filter("description", "!description")}, []string{dev}},
		{"tag key", []types.Filter{filter("tag-key", "te")}, []string{api}},
		{"tag value", []types.Filter{filter("tag-value", "Blue")}, []string{api}},
		{"tag value in other letters", []types.Filter{filter("tag-value", "blue")}, nil},
		{"Region", []types.Filter{filter("primary-region", "us-east")}, []string{db, api, dev}},
		{"another Region", []types.Filter{filter("primary-region", "eu-")}, nil},
		{"owning service", []types.Filter{filter("owning-service", "rds")}, nil},
		{"no owning service", []types.Filter{filter("owning-service", "!rds")}, []string{db, api, dev}},
		{"all, a word of the name", []types.Filter{filter("all", "database")}, []string{db}},
		{"all, one word of two", []types.Filter{filter("all", "nothing_SECRET")}, []string{db, api}},
		{"all, a tag", []types.Filter{filter("all", "BLUE")}, []string{api}},
		{"all, not", []types.Filter{filter("all", "!api")}, []string{db}},
		{"both", []types.Filter{filter("name", "prod/"), filter("tag-key", "Team")}, []string{db}},
	} {
		for _, limit := range []int32{1, 100} { // by pages, and at once
			got := listed(t, c, &secretsmanager.ListSecretsInput{Filters: tt.filters, MaxResults: &limit})
			if wanted := strings.Join(tt.want, " "); got != wanted {
				t.Errorf("%s, %d a page: %q, want %q", tt.name, limit, got, wanted)
			}
		}
	}
}

func TestListSecretsOrders(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	for _, name := range []string{"b", "c", "a"} {
		create(t, c, name, "v")
		s.Clock.Advance(time.Second)
	}
	wantValue(t, c, "c", "v")
	put(t, c, "b", "w")
	if !garrisontest.Eventually(func() bool { return describe(t, c, "c").LastAccessedDate != nil }) {
		t.Fatal("the access was not kept")
	}
	for _, tt := range []struct {
		by   types.SortByType
		want string
	}{
		{"", "b c a"},
		{types.SortByTypeCreatedDate, "b c a"},
		{types.SortByTypeName, "a b c"},
		{types.SortByTypeLastChangedDate, "c a b"},
		{types.SortByTypeLastAccessedDate, "a b c"},
	} {
		for _, limit := range []int32{1, 2, 100} {
			in := &secretsmanager.ListSecretsInput{SortBy: tt.by, MaxResults: &limit}
			if got := listed(t, c, in); got != tt.want {
				t.Errorf("by %q, %d a page: %s, want %s", tt.by, limit, got, tt.want)
			}
			in.SortOrder = types.SortOrderTypeDesc
			backward := strings.Fields(tt.want)
			slices.Reverse(backward)
			if got := listed(t, c, in); got != strings.Join(backward, " ") {
				t.Errorf("by %q, descending, %d a page: %s, want %s", tt.by, limit, got, backward)
			}
		}
	}
}

func TestListSecrets(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	made := mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("a"), SecretString: aws.String("v"), Description: aws.String("d"), Tags: []types.Tag{tag("k", "v")}})
	create(t, c, "b", "v")
	remove(t, c, "b", 7)
	out, err := c.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	if err != nil || len(out.SecretList) != 1 {
		t.Fatalf("list = %+v, %v; want one", out, err)
	}
	got := out.SecretList[0]
	if *got.ARN != *made.ARN || *got.Description != "d" || *got.Tags[0].Key != "k" || got.DeletedDate != nil ||
		!slices.Equal(got.SecretVersionsToStages[*made.VersionId], []string{"AWSCURRENT"}) || got.CreatedDate == nil || got.LastChangedDate == nil {
		t.Errorf("listed %+v", got)
	}
	out, err = c.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true), SortBy: types.SortByTypeName})
	if err != nil || len(out.SecretList) != 2 || out.SecretList[1].DeletedDate == nil {
		t.Errorf("with those to be deleted: %+v, %v", out.SecretList, err)
	}
	for _, tt := range []struct {
		want string
		in   secretsmanager.ListSecretsInput
	}{
		{"InvalidNextTokenException: ", secretsmanager.ListSecretsInput{NextToken: aws.String("made-up")}},
		{"ValidationException: ", secretsmanager.ListSecretsInput{MaxResults: aws.Int32(101)}},
		{"ValidationException: ", secretsmanager.ListSecretsInput{Filters: []types.Filter{filter("color", "red")}}},
		{"ValidationException: ", secretsmanager.ListSecretsInput{Filters: []types.Filter{filter("name", "a*")}}},
		{"ValidationException: ", secretsmanager.ListSecretsInput{SortBy: "size"}},
	} {
		_, err := c.ListSecrets(t.Context(), &tt.in)
		garrisontest.Want(t, err, tt.want)
	}
}

// TestLastAccessedDate is the day of the last read, of the secret and of the version.
func TestLastAccessedDate(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	create(t, c, "app", "v")
	for range 2 {
		wantValue(t, c, "app", "v")
		today := s.Clock.Now().UTC().Truncate(aDay)
		kept := func() bool {
			at := describe(t, c, "app").LastAccessedDate
			return at != nil && at.Equal(today)
		}
		if !garrisontest.Eventually(kept) {
			t.Fatalf("LastAccessedDate = %v, want %v", describe(t, c, "app").LastAccessedDate, today)
		}
		out, err := c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("app")})
		if err != nil || !out.Versions[0].LastAccessedDate.Equal(today) {
			t.Errorf("of the version: %v, %v; want %v", out.Versions[0].LastAccessedDate, err, today)
		}
		s.Clock.Advance(2 * aDay)
	}
}

func TestBatchGetSecretValue(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := newKey(t, s)
	for i := range 3 {
		create(t, c, fmt.Sprint("app/", i), fmt.Sprint("value-", i))
		s.Clock.Advance(time.Second)
	}
	create(t, c, "app/bare", "")
	create(t, c, "app/deleted", "v")
	remove(t, c, "app/deleted", 7)
	mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("app/sealed"), SecretBinary: []byte("v"), KmsKeyId: &key})
	reader := user(t, s, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:BatchGetSecretValue"],"Resource":"*"},
		{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":["arn:aws:secretsmanager:*:*:secret:app/0-*","arn:aws:secretsmanager:*:*:secret:app/sealed-*","arn:aws:secretsmanager:*:*:secret:app/bare-*","arn:aws:secretsmanager:*:*:secret:app/deleted-*","arn:aws:secretsmanager:*:*:secret:nothing"]}]}`)
	out, err := reader.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{
		SecretIdList: []string{"app/0", "app/1", "app/bare", "app/deleted", "app/sealed", "nothing"},
	})
	if err != nil || len(out.SecretValues) != 1 || *out.SecretValues[0].SecretString != "value-0" || out.SecretValues[0].CreatedDate == nil {
		t.Fatalf("values = %+v, %v; want that of app/0", out, err)
	}
	var got []string
	for _, e := range out.Errors {
		got = append(got, *e.SecretId+" "+*e.ErrorCode)
		if *e.SecretId == "app/1" && !strings.Contains(*e.Message, "is not authorized to perform: secretsmanager:GetSecretValue on resource: app/1 because") {
			t.Errorf("denial = %s", *e.Message)
		}
	}
	wanted := []string{"app/1 AccessDeniedException", "app/bare ResourceNotFoundException", "app/deleted InvalidRequestException", "app/sealed AccessDeniedException", "nothing ResourceNotFoundException"}
	if !slices.Equal(got, wanted) {
		t.Errorf("errors = %q, want %q", got, wanted)
	}
	byFilter := &secretsmanager.BatchGetSecretValueInput{Filters: []types.Filter{filter("name", "app/")}, MaxResults: aws.Int32(2)}
	_, err = reader.BatchGetSecretValue(t.Context(), byFilter)
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/reader is not authorized to perform: secretsmanager:ListSecrets")
	var values []string
	p := secretsmanager.NewBatchGetSecretValuePaginator(c, byFilter)
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.SecretValues {
			values = append(values, *v.Name)
		}
	}
	if got := strings.Join(values, " "); got != "app/0 app/1 app/2 app/sealed" {
		t.Errorf("by filter: %s", got)
	}
	for _, in := range []secretsmanager.BatchGetSecretValueInput{
		{},
		{SecretIdList: []string{"a"}, Filters: []types.Filter{filter("name", "a")}},
		{SecretIdList: []string{"a"}, MaxResults: aws.Int32(1)},
	} {
		_, err := c.BatchGetSecretValue(t.Context(), &in)
		garrisontest.Want(t, err, "InvalidParameterException: ")
	}
}
