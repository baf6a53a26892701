package server

import (
	"strings"
	"testing"
)

func TestClusters(t *testing.T) {
	t.Parallel()
	const module = "/usr/lib/softhsm/libsofthsm2.so"
	for _, tt := range []struct {
		text, token, account, module, fails string
	}{
		{text: "cluster-1a23b4cdefg=" + module + ",token=one", fails: "is not a cluster's id"},
		{text: "cluster-2a23b4cdefg=" + module + ",token=one", token: "one", module: module},
		{text: "cluster-2a23b4cdefg=" + module + ",token=one,account=111122223333", token: "one", account: "111122223333", module: module},
		{text: "cluster-2a23b4cdefg=/a,b=c/x.so,token=a b,c", token: "a b,c", module: "/a,b=c/x.so"},
		{text: "cluster-2a23b4cdefg=x.so,token=one", fails: "not absolute"},
		{text: "cluster-2a23b4cdefg=" + module, fails: "no token's label"},
		{text: "cluster-2a23b4cdefg=" + module + ",token=one,account=1", fails: "not an account id"},
		{text: "", fails: "is not a cluster's id"},
	} {
		c := Config{HSM: []string{tt.text}}
		err := c.clusters()
		if tt.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("--hsm %q: error = %v, want one with %q", tt.text, err, tt.fails)
			}
			continue
		}
		got := c.Outside.Clusters["cluster-2a23b4cdefg"]
		if err != nil || got.Token.Token != tt.token || got.Account != tt.account || got.Token.Module != tt.module {
			t.Errorf("--hsm %q = %q %q %q, %v", tt.text, got.Token.Module, got.Token.Token, got.Account, err)
		}
	}
	c := Config{HSM: []string{"cluster-2a23b4cdefg=/x,token=a", "cluster-2a23b4cdefg=/x,token=b"}}
	if err := c.clusters(); err == nil || !strings.Contains(err.Error(), "named twice") {
		t.Errorf("the same cluster twice: error = %v", err)
	}
}
