package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

type mode struct {
	name       string
	tls, fresh bool
}

type result struct{ rate, p99 float64 }

// proxy is one proxy under test, on a plain and a TLS port.
type proxy struct{ name, plain, secure string }

type bench struct {
	dir     string
	running []*exec.Cmd
	proxies []proxy
}

// startBench starts the backend and every proxy that is installed.
func startBench() (*bench, error) {
	dir, err := os.MkdirTemp("", "edge-bench")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir}
	cert, err := b.certificate()
	if err != nil {
		return nil, err
	}
	backend := "127.64.0.1:18080"
	if err := b.startBackend(backend); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for i, role := range []string{"edge", "reverse"} {
		p := proxy{role, fmt.Sprintf("127.64.0.%d:18081", i+2), fmt.Sprintf("127.64.0.%d:18443", i+2)}
		b.proxies = append(b.proxies, p)
		b.run(self, "-role", role, "-listen", p.plain, "-backend", backend)
		b.run(self, "-role", role, "-listen", p.secure, "-backend", backend, "-cert", cert)
	}
	b.nginx(backend, cert)
	b.haproxy(backend, cert)
	return b, b.await()
}

func (b *bench) run(name string, args ...string) {
	c := exec.Command(name, args...) //nolint:gosec // our own binary and well-known proxies
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		fmt.Println(name, "does not start:", err)
		return
	}
	b.running = append(b.running, c)
}

func (b *bench) stop() {
	for _, c := range b.running {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	_ = os.RemoveAll(b.dir)
}

// await waits for every port.
func (b *bench) await() error {
	for _, p := range b.proxies {
		for _, addr := range []string{p.plain, p.secure} {
			if err := reachable(addr); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

func reachable(addr string) error {
	for range 100 {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("nobody listens on %s", addr)
}

func (b *bench) certificate() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 64, 0, 2)},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
	path := filepath.Join(b.dir, "bench.pem")
	return path, os.WriteFile(path, out, 0o600)
}

func (b *bench) startBackend(addr string) error {
	if _, err := exec.LookPath("nginx"); err == nil {
		conf := fmt.Sprintf("daemon off; worker_processes 1; pid %s/b.pid; error_log /dev/null; events {}\nhttp { access_log off; keepalive_requests 100000000; server { listen %s reuseport; location / { return 200 '%s'; } } }\n",
			b.dir, addr, strings.TrimSpace(string(answer)))
		if err := os.WriteFile(b.dir+"/b.conf", []byte(conf), 0o600); err != nil {
			return err
		}
		b.run("nginx", "-c", b.dir+"/b.conf")
	} else {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		b.run(self, "-role", "backend", "-listen", addr)
	}
	return reachable(addr)
}

func (b *bench) nginx(backend, cert string) {
	if _, err := exec.LookPath("nginx"); err != nil {
		fmt.Println("nginx is not installed: left out")
		return
	}
	p := proxy{"nginx", "127.64.0.8:18081", "127.64.0.8:18443"}
	conf := fmt.Sprintf(`daemon off; worker_processes 2; pid %[1]s/n.pid; error_log /dev/null; events {}
http { access_log off; keepalive_requests 100000000; ssl_session_tickets off;
upstream b { server %[2]s; keepalive 64; keepalive_requests 100000000; }
server { listen %[3]s; listen %[4]s ssl; ssl_certificate %[5]s; ssl_certificate_key %[5]s; ssl_protocols TLSv1.2 TLSv1.3;
location / { proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }
`, b.dir, backend, p.plain, p.secure, cert)
	if os.WriteFile(b.dir+"/n.conf", []byte(conf), 0o600) == nil {
		b.run("nginx", "-c", b.dir+"/n.conf")
		b.proxies = append(b.proxies, p)
	}
}

func (b *bench) haproxy(backend, cert string) {
	if _, err := exec.LookPath("haproxy"); err != nil {
		fmt.Println("haproxy is not installed: left out")
		return
	}
	p := proxy{"haproxy", "127.64.0.9:18081", "127.64.0.9:18443"}
	conf := fmt.Sprintf(`global
  nbthread 2
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend f
  bind %s
  bind %s ssl crt %s
  default_backend b
backend b
  http-reuse always
  server s %s
`, p.plain, p.secure, cert, backend)
	if os.WriteFile(b.dir+"/h.conf", []byte(conf), 0o600) == nil {
		b.run("haproxy", "-q", "-db", "-f", b.dir+"/h.conf")
		b.proxies = append(b.proxies, p)
	}
}

var (
	rateLine = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	p99Line  = regexp.MustCompile(`99%\s+([\d.]+)(us|ms|s)`)
)

// wrk drives one proxy and reads what wrk found.
func (b *bench) wrk(p proxy, m mode, each time.Duration) (result, error) {
	url := "http://" + p.plain + "/"
	if m.tls {
		url = "https://" + p.secure + "/"
	}
	args := []string{"-t1", "-c32", "-d", each.String(), "--latency"}
	if m.fresh {
		args = append(args, "-H", "Connection: close")
	}
	out, err := exec.Command("wrk", append(args, url)...).CombinedOutput() //nolint:gosec // fixed arguments
	if err != nil {
		return result{}, fmt.Errorf("wrk %s: %w", p.name, err)
	}
	if strings.Contains(string(out), "Non-2xx") || strings.Contains(string(out), "Socket errors") && !m.fresh {
		fmt.Printf("%s, %s: wrk reports errors\n%s\n", p.name, m.name, out)
	}
	var r result
	if f := rateLine.FindSubmatch(out); f != nil {
		r.rate, _ = strconv.ParseFloat(string(f[1]), 64)
	}
	if f := p99Line.FindSubmatch(out); f != nil {
		r.p99, _ = strconv.ParseFloat(string(f[1]), 64)
		r.p99 *= map[string]float64{"us": 0.001, "ms": 1, "s": 1000}[string(f[2])]
	}
	return r, nil
}
