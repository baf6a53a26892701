package transform_test

import (
	"crypto/md5"
	"testing"

	"github.com/garrison-cloud/garrison/engine/waf/transform"
)

func apply(k transform.Kind, s string) string {
	if out, changed := k.Append([]byte("kept"), s); changed {
		return string(out[len("kept"):])
	}
	return s
}

func TestVectors(t *testing.T) {
	t.Parallel()
	sum := md5.Sum([]byte("abc"))
	for _, tt := range []struct{ kind, in, want string }{
		{"NONE", "A%20", "A%20"},
		{"COMPRESS_WHITE_SPACE", "a \t\n\v\f\r\xa0 b  c", "a b c"},
		{"COMPRESS_WHITE_SPACE", "a b", "a b"},
		{"COMPRESS_WHITE_SPACE", "\ta", " a"},
		{"HTML_ENTITY_DECODE", "&lt;script&gt;&quot;&amp;&nbsp;", "<script>\"&\xa0"},
		{"HTML_ENTITY_DECODE", "&#x3c;&#60;&#X3C&#060;&#0000060", "<<<<<"},
		{"HTML_ENTITY_DECODE", "&unknown; & &#; &#x; a&", "&unknown; & &#; &#x; a&"},
		{"HTML_ENTITY_DECODE", "javascript&colon;alert&lpar;1&rpar;&NewLine;&Tab;", "javascript:alert(1)\n\t"},
		{"HTML_ENTITY_DECODE", "&#8364;&#x110000;", "\u20ac\ufffd"},
		{"LOWERCASE", "AbC\xc3\x84Z", "abc\xc3\x84z"},
		{"CMD_LINE", `C^m"D  /c;,ls  ( 'x'`, "cmd/c ls( x"},
		{"CMD_LINE", "a \t\r\n b", "a b"},
		{"CMD_LINE", "plain", "plain"},
		{"URL_DECODE", "a%20b+c%41%zz%4", "a b cA%zz%4"},
		{"URL_DECODE", "%u0041", "%u0041"},
		{"URL_DECODE", "%25%32%30", "%20"},
		{"URL_DECODE_UNI", "%u0041%uff1c%U003c+%zz%u12", "A<< %zz%u12"},
		{"BASE64_DECODE", "PHNjcmlwdD4=", "<script>"},
		{"BASE64_DECODE", "PHNj\r\ncmlwdD4", "<script>"},
		{"BASE64_DECODE", "PHNj!cmlwdD4", "<sc"},
		{"BASE64_DECODE_EXT", "PH.Nj !cmlw-dD4=", transformed("PHNjcmlw-dD4")},
		{"BASE64_DECODE_EXT", "P.H.N.j", "<sc"},
		{"HEX_DECODE", "3c736372", "<scr"},
		{"HEX_DECODE", "3cxyz4", "<xyz4"},
		{"MD5", "abc", string(sum[:])},
		{"REPLACE_COMMENTS", "UN/*x*/ION/**/a", "UN ION a"},
		{"REPLACE_COMMENTS", "a/*b", "a "},
		{"REPLACE_COMMENTS", "a*/b", "a*/b"},
		{"ESCAPE_SEQ_DECODE", `\a\n\\\?\'\"\x41\101\q\`, "\a\n\\?'\"AAq\\"},
		{"SQL_HEX_DECODE", "x=0x414243 y=0X4z 0x", "x=ABC y=0X4z 0x"},
		{"SQL_HEX_DECODE", "0x41424", "AB4"},
		{"CSS_DECODE", `ja\vascript \6a\000061v\2f x\`, "javascript jav/x"},
		{"CSS_DECODE", "\\ff1c\\\n<", "<<"},
		{"JS_DECODE", `\u003c\x3e\74\u{3c}\uff1c\n\'\8`, "<><<<\n'8"},
		{"JS_DECODE", `\777`, "?7"},
		{"NORMALIZE_PATH", "/a//b/./c/../d", "/a/b/d"},
		{"NORMALIZE_PATH", "/../../etc", "/etc"},
		{"NORMALIZE_PATH", "../a/../../b", "../../b"},
		{"NORMALIZE_PATH", "a/b/..", "a/"},
		{"NORMALIZE_PATH", "/a/.", "/a/"},
		{"NORMALIZE_PATH", "/a/..", "/"},
		{"NORMALIZE_PATH", `/a\..\b`, `/a\..\b`},
		{"NORMALIZE_PATH", "/plain/path.txt", "/plain/path.txt"},
		{"NORMALIZE_PATH_WIN", `C:\a\..\b`, "C:/b"},
		{"REMOVE_NULLS", "a\x00b\x00", "ab"},
		{"REPLACE_NULLS", "a\x00b\x00", "a b "},
		{"UTF8_TO_UNICODE", "a\u00e9\u20ac\U0001f600\xff", "a%u00e9%u20ac%u01f600\xff"},
	} {
		k, ok := transform.Parse(tt.kind)
		if !ok || k.String() != tt.kind {
			t.Fatalf("no transformation %s", tt.kind)
		}
		if got := apply(k, tt.in); got != tt.want {
			t.Errorf("%s of %q: got %q, want %q", tt.kind, tt.in, got, tt.want)
		}
	}
	if _, ok := transform.Parse("ROT13"); ok {
		t.Error("ROT13 is known")
	}
}

// transformed is what the forgiving decoder makes of a text that has only
// digits, base64url's too.
func transformed(s string) string {
	k, _ := transform.Parse("BASE64_DECODE_EXT")
	return apply(k, s)
}

// FuzzAppend shows that no transformation fails, touches what was there, or
// grows beyond its bound, and that "unchanged" is true.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{"", "%", "&#x", `\u{`, "0x4", "/*", "../..//.", "\xff\xfe", "a=b+c%20", `\`, "&", "PHNj="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for k := transform.None; k <= transform.UTF8ToUnicode; k++ {
			bound := len(s) + 16
			if k == transform.UTF8ToUnicode {
				bound *= 3
			}
			buf := make([]byte, 4, 4+bound)
			copy(buf, "kept")
			out, changed := k.Append(buf, s)
			if string(out[:4]) != "kept" || !changed && len(out) != 4 {
				t.Errorf("%s of %q: the buffer was touched: %q", k, s, out)
			}
			if cap(out) != cap(buf) {
				t.Errorf("%s of %q outgrew its bound with %d bytes", k, s, len(out)-4)
			}
		}
	})
}
