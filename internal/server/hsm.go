package server

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/service/kms"
)

var clusterForm = regexp.MustCompile(`^cluster-[2-7a-zA-Z]{11,16}$`)

// clusters reads what --hsm says, and adds it to what custom key stores may use.
func (c *Config) clusters() error {
	if len(c.HSM) == 0 {
		return nil
	}
	all := maps.Clone(c.Outside.Clusters)
	if all == nil {
		all = map[string]kms.Cluster{}
	}
	for _, text := range c.HSM {
		id, cluster, err := parseCluster(text, c.Logger)
		if err != nil {
			return fmt.Errorf("--hsm: %w: it is CLUSTER=MODULE,token=LABEL, such as cluster-2a23b4cdefg=/usr/lib/softhsm/libsofthsm2.so,token=garrison", err)
		}
		if _, twice := all[id]; twice {
			return fmt.Errorf("--hsm: %s is named twice", id)
		}
		all[id] = cluster
	}
	c.Outside.Clusters = all
	return nil
}

// parseCluster reads CLUSTER=MODULE,token=LABEL, which ,account=ID may follow: the
// one account that may use it. What it wants of the rest of the text comes last
// in it, so that a path may have any characters.
func parseCluster(text string, logger *slog.Logger) (id string, c kms.Cluster, err error) {
	id, rest, _ := strings.Cut(text, "=")
	if !clusterForm.MatchString(id) {
		return "", c, fmt.Errorf("%q is not a cluster's id, which is cluster- and 11 to 16 of 2-7, a-z and A-Z", id)
	}
	if before, account, ok := cutLast(rest, ",account="); ok {
		if !arn.IsAccount(account) {
			return "", c, fmt.Errorf("%q is not an account id", account)
		}
		rest, c.Account = before, account
	}
	module, label, _ := cutLast(rest, ",token=")
	if !filepath.IsAbs(module) {
		return "", c, errors.New("the module's path is not absolute")
	}
	if label == "" {
		return "", c, errors.New("there is no token's label")
	}
	c.Token = hsm.Config{Module: module, Token: label, Logger: logger}
	return id, c, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
