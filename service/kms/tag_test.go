package kms_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// tagsOf reads a key's tags page by page.
func tagsOf(t *testing.T, c *kms.Client, k *types.KeyMetadata, limit int32) map[string]string {
	t.Helper()
	got := map[string]string{}
	pages := kms.NewListResourceTagsPaginator(c, &kms.ListResourceTagsInput{KeyId: k.KeyId, Limit: &limit})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range out.Tags {
			got[*tag.TagKey] = *tag.TagValue
		}
	}
	return got
}

func tag(key, value string) types.Tag { return types.Tag{TagKey: &key, TagValue: &value} }

func TestTagLife(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := create(t, c, &kms.CreateKeyInput{Tags: []types.Tag{tag("team", "a"), tag("cost", "")}})
	_, err := c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: k.Arn, Tags: []types.Tag{tag("team", "b"), tag("Team", "c")}})
	garrisontest.Want(t, err, "")
	_, err = c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: k.KeyId, TagKeys: []string{"cost", "never there"}})
	garrisontest.Want(t, err, "")
	if diff := cmp.Diff(map[string]string{"team": "b", "Team": "c"}, tagsOf(t, c, k, 1)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	untagged := createKey(t, c)
	_, err = c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: untagged.KeyId, TagKeys: []string{"team"}})
	garrisontest.Want(t, err, "")
}

func TestTagErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := create(t, c, &kms.CreateKeyInput{Tags: tags(50)})
	for _, tt := range []struct {
		name, want string
		tags       []types.Tag
	}{
		{"one too many", "TagException: Too many tags", []types.Tag{tag("x", "")}},
		{"reserved", "TagException: Tags beginning with aws: are reserved", []types.Tag{tag("aws:x", "")}},
		{"twice", "TagException: Duplicate tag keys", []types.Tag{tag("x", "1"), tag("x", "2")}},
		{"no key", "ValidationException: 1 validation error detected", []types.Tag{tag("", "1")}},
		{"a new value", "", []types.Tag{tag("tag-000", "w")}},
	} {
		_, err := c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: k.KeyId, Tags: tt.tags})
		if got := garrisontest.Fault(err); tt.want == "" && got != "" || len(got) < len(tt.want) || got[:len(tt.want)] != tt.want {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := tagsOf(t, c, k, 7); len(got) != 50 || got["tag-000"] != "w" {
		t.Errorf("%d tags, tag-000 = %q; want 50 and w", len(got), got["tag-000"])
	}
	_, err := c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: k.KeyId, Marker: aws.String("made-up")})
	garrisontest.Want(t, err, "InvalidMarkerException: Could not deserialize marker made-up")
	_, err = c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: k.KeyId, Limit: aws.Int32(51)})
	garrisontest.Want(t, err, "ValidationException: 1 validation error detected: Value '51' at 'limit'")
}

// TestTagsDecide lets principals in by the key's tags, and only with tags of
// their own team.
func TestTagsDecide(t *testing.T) {
	t.Parallel()
	s, root := start(t)
	mine := create(t, root, &kms.CreateKeyInput{Tags: []types.Tag{tag("team", "red")}})
	yours := create(t, root, &kms.CreateKeyInput{Tags: []types.Tag{tag("team", "blue")}})
	c := user(t, s, "red", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["kms:Encrypt","kms:UntagResource"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}},
		{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"},
		{"Effect":"Allow","Action":"kms:TagResource","Resource":"arn:aws:kms:*:`+account+`:key/*",
		 "Condition":{"StringEquals":{"aws:RequestTag/team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":["team","env"]}}},
		{"Effect":"Deny","Action":"kms:UntagResource","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"team"}}}]}`)
	use := func(k *types.KeyMetadata) error {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
		return err
	}
	garrisontest.Want(t, use(mine), "")
	garrisontest.Want(t, use(yours), "AccessDeniedException: ")
	fresh := func(list ...types.Tag) error {
		_, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: list})
		return err
	}
	garrisontest.Want(t, fresh(), "")
	garrisontest.Want(t, fresh(tag("team", "red"), tag("env", "test")), "")
	garrisontest.Want(t, fresh(tag("team", "blue")), "AccessDeniedException: User: arn:aws:iam::"+account+":user/red is not authorized to perform: kms:TagResource")
	garrisontest.Want(t, fresh(tag("team", "red"), tag("cost", "1")), "AccessDeniedException: ")
	change := func(list ...types.Tag) error {
		_, err := c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: mine.KeyId, Tags: list})
		return err
	}
	garrisontest.Want(t, change(tag("team", "red")), "")
	garrisontest.Want(t, change(tag("team", "blue")), "AccessDeniedException: ")
	untag := func(names ...string) error {
		_, err := c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: mine.KeyId, TagKeys: names})
		return err
	}
	garrisontest.Want(t, untag("env"), "")
	garrisontest.Want(t, untag("env", "team"), "AccessDeniedException: ")
	// Retagging takes effect at the next call.
	_, err := root.TagResource(t.Context(), &kms.TagResourceInput{KeyId: mine.KeyId, Tags: []types.Tag{tag("team", "blue")}})
	garrisontest.Want(t, err, "")
	garrisontest.Want(t, use(mine), "AccessDeniedException: ")
}
