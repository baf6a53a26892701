package kms

import (
	"context"
	"net/http"
	"strings"

	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/xks"
)

// Outside is what KMS may use of the world for custom key stores.
type Outside struct {
	// XKS carries the calls to external key stores' proxies; nil trusts the
	// machine's authorities.
	XKS *http.Client
	// Clusters are the PKCS#11 tokens that CloudHSM key stores may be made of, by
	// the ids that CreateCustomKeyStore calls them by.
	Clusters map[string]Cluster
}

// A Cluster is a PKCS#11 token that stands for a CloudHSM cluster.
type Cluster struct {
	// Token says where it is.
	Token hsm.Config
	// Account is the one that may use it; empty is any.
	Account string
}

// proxyClient makes a client for a proxy. Its requests are dated by the machine's
// clock, which is the proxy's too, whatever time the service lives in.
func (s *Service) proxyClient(p *proxy) (*xks.Client, error) {
	return xks.New(xks.Config{
		Endpoint: p.Endpoint, PathPrefix: p.Path, AccessKeyID: p.AccessKeyID, SecretKey: []byte(p.Secret),
		Region: s.region, Client: s.outside.XKS,
	})
}

// checkHealth proves that the proxy answers by its settings, and that some key
// manager serves behind it.
func checkHealth(ctx context.Context, client *xks.Client, by xks.Caller) *storeFault {
	health, err := client.Health(ctx, by)
	if err != nil {
		return proxyFault(err)
	}
	if !health.Available() {
		return unhealthy()
	}
	return nil
}

// checkProxy is checkHealth for settings that are not yet a store's.
func (s *Service) checkProxy(ctx context.Context, p *proxy) error {
	client, err := s.proxyClient(p)
	if err != nil {
		return proxyFault(err).checking()
	}
	defer client.Close()
	if f := checkHealth(ctx, client, callerOf(ctx, nil)); f != nil {
		return f.checking()
	}
	return nil
}

// callerOf tells the proxy who calls, and for which key, if for one.
func callerOf(ctx context.Context, k *key) xks.Caller {
	call := wire.CallFrom(ctx)
	c := xks.Caller{PrincipalARN: call.Principal.ARN, Operation: call.Operation, RequestID: call.RequestID}
	if c.PrincipalARN == "" {
		c.PrincipalARN = "AWS Internal"
	}
	if k == nil {
		return c
	}
	c.KeyARN = k.arn()
	if n := len(call.Via); n > 0 {
		c.ViaService, _, _ = strings.Cut(call.Via[n-1], ".")
	}
	return c
}

// dialToken logs in to the store's token.
func (s *Service) dialToken(ctx context.Context, c *customStore) (keeper, error) {
	known, ok := s.outside.Clusters[c.HSM.ID]
	if !ok || known.Account != "" && known.Account != c.Account {
		return nil, errNoCluster
	}
	token, err := hsm.Connect(ctx, known.Token, []byte(c.HSM.Password))
	if err != nil {
		return nil, err
	}
	return &tokenKeeper{token}, nil
}
