// Package tlsconf turns what a load balancer's listener says of TLS into what crypto/tls
// obeys: security policies by AWS's names, many certificates chosen by server name and
// key type, and client certificates checked against a trust store and revocation lists.
//
// It refuses unknown policies. Suites that Go does not have are left out of a policy:
// DHE, AES-CBC with SHA-384, AES-256-CBC with SHA-256, and static-RSA AES-256-CBC-SHA256;
// so are the hybrid groups of the post-quantum policies beyond X25519MLKEM768.
//
// Flow: Config → New → *tls.Config.
package tlsconf

import (
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
)

// A Policy is a security policy: versions and suites (Application Load Balancer guide,
// "Security policies").
type Policy struct {
	Name     string
	Min, Max uint16
	Suites   []uint16 // of TLS 1.2 and before, in no order: Go prefers by its own
}

// Suites in the order of AWS's tables.
var (
	ecdheGCM = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	}
	ecdheSHA256 = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256}
	ecdheSHA    = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	}
	rsaModern = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384}
	rsaSHA    = []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA}
)

// Combinations that several policies share.
var (
	restricted = ecdheGCM
	forward    = slices.Concat(ecdheGCM, ecdheSHA256)
	forwardAll = slices.Concat(ecdheGCM, ecdheSHA256, ecdheSHA)
	extended1  = slices.Concat(ecdheGCM, ecdheSHA256, rsaModern)
	everything = slices.Concat(ecdheGCM, ecdheSHA256, ecdheSHA, rsaModern, rsaSHA)
	triple     = slices.Concat(everything, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA})
)

var policies = map[string]Policy{
	"ELBSecurityPolicy-TLS13-1-3-2021-06":      {Min: tls.VersionTLS13, Max: tls.VersionTLS13},
	"ELBSecurityPolicy-TLS13-1-2-Res-2021-06":  {Min: tls.VersionTLS12, Max: tls.VersionTLS13, Suites: restricted},
	"ELBSecurityPolicy-TLS13-1-2-2021-06":      {Min: tls.VersionTLS12, Max: tls.VersionTLS13, Suites: forward},
	"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06": {Min: tls.VersionTLS12, Max: tls.VersionTLS13, Suites: extended1},
	"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06": {Min: tls.VersionTLS12, Max: tls.VersionTLS13, Suites: everything},
	"ELBSecurityPolicy-TLS13-1-1-2021-06":      {Min: tls.VersionTLS11, Max: tls.VersionTLS13, Suites: everything},
	"ELBSecurityPolicy-TLS13-1-0-2021-06":      {Min: tls.VersionTLS10, Max: tls.VersionTLS13, Suites: everything},

	"ELBSecurityPolicy-TLS13-1-3-PQ-2025-09":      {Min: tls.VersionTLS13, Max: tls.VersionTLS13},
	"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09":  {Min: tls.VersionTLS12, Max: tls.VersionTLS13, Suites: restricted},
	"ELBSecurityPolicy-TLS13-1-2-PQ-2025-09":      {Min: tls.VersionTLS12, Max: tls.VersionTLS13, Suites: forward},
	"ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09": {Min: tls.VersionTLS12, Max: tls.VersionTLS13, Suites: extended1},
	"ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09": {Min: tls.VersionTLS12, Max: tls.VersionTLS13, Suites: everything},
	"ELBSecurityPolicy-TLS13-1-0-PQ-2025-09":      {Min: tls.VersionTLS10, Max: tls.VersionTLS13, Suites: everything},

	"ELBSecurityPolicy-FS-1-2-Res-2020-10": {Min: tls.VersionTLS12, Max: tls.VersionTLS12, Suites: restricted},
	"ELBSecurityPolicy-FS-1-2-Res-2019-08": {Min: tls.VersionTLS12, Max: tls.VersionTLS12, Suites: forward},
	"ELBSecurityPolicy-FS-1-2-2019-08":     {Min: tls.VersionTLS12, Max: tls.VersionTLS12, Suites: forwardAll},
	"ELBSecurityPolicy-FS-1-1-2019-08":     {Min: tls.VersionTLS11, Max: tls.VersionTLS12, Suites: forwardAll},
	"ELBSecurityPolicy-FS-2018-06":         {Min: tls.VersionTLS10, Max: tls.VersionTLS12, Suites: forwardAll},

	"ELBSecurityPolicy-TLS-1-2-Ext-2018-06": {Min: tls.VersionTLS12, Max: tls.VersionTLS12, Suites: everything},
	"ELBSecurityPolicy-TLS-1-2-2017-01":     {Min: tls.VersionTLS12, Max: tls.VersionTLS12, Suites: extended1},
	"ELBSecurityPolicy-TLS-1-1-2017-01":     {Min: tls.VersionTLS11, Max: tls.VersionTLS12, Suites: everything},
	"ELBSecurityPolicy-2016-08":             {Min: tls.VersionTLS10, Max: tls.VersionTLS12, Suites: everything},
	"ELBSecurityPolicy-2015-05":             {Min: tls.VersionTLS10, Max: tls.VersionTLS12, Suites: everything},
	"ELBSecurityPolicy-TLS-1-0-2015-04":     {Min: tls.VersionTLS10, Max: tls.VersionTLS12, Suites: triple},
}

// Named returns the policy of that name.
func Named(name string) (Policy, error) {
	p, ok := policies[name]
	if !ok {
		return Policy{}, fmt.Errorf("no security policy %q", name)
	}
	p.Name = name
	return p, nil
}

// Names lists the policies in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(policies)) }
