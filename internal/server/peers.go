package server

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/relay"
)

// peerTimeout bounds one delivery to another process.
const peerTimeout = 30 * time.Second

// peered tells whether Regions of other processes are known.
func (c *Config) peered() bool { return len(c.Peers) > 0 || c.PeerListen != "" }

// checkPeers refuses Regions that are both here and elsewhere, and peers that have
// no secret to know each other by.
func (c *Config) checkPeers() error {
	for region := range c.Peers {
		if !regionForm.MatchString(region) {
			return fmt.Errorf("--peer: %q is not a Region's name, such as eu-west-1", region)
		}
		if slices.Contains(c.Regions, region) {
			return fmt.Errorf("--peer: %s is served by this process itself", region)
		}
	}
	if c.peered() && c.PeerSecret == "" {
		return fmt.Errorf("--peer and --peer-listen need --peer-secret: a file, the same for all processes, made by  openssl rand -base64 48 > peers.secret")
	}
	return nil
}

// peerSecret reads what the processes share. Nobody else may be able to.
func (c *Config) peerSecret() ([]byte, error) {
	info, err := os.Stat(c.PeerSecret)
	if err != nil {
		return nil, fmt.Errorf("--peer-secret: %w", err)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return nil, fmt.Errorf("--peer-secret: %s can be read by others (mode %s): chmod 600 it", c.PeerSecret, fs.FormatFileInfo(info)[:10])
	}
	b, err := os.ReadFile(c.PeerSecret)
	if err != nil {
		return nil, fmt.Errorf("--peer-secret: %w", err)
	}
	return bytes.TrimSpace(b), nil
}

// connectPeers introduces this process's Regions to those of the others.
func (s *Server) connectPeers() error {
	if !s.config.peered() {
		return nil
	}
	secret, err := s.config.peerSecret()
	if err != nil {
		return err
	}
	defer clear(secret)
	client := &http.Client{Timeout: peerTimeout}
	for region, url := range s.config.Peers {
		remote, err := relay.NewRemote(relay.RemoteConfig{URL: url, Secret: secret, Client: client})
		if err != nil {
			return fmt.Errorf("--peer %s: %w", region, err)
		}
		for _, own := range s.config.Regions {
			s.storage.rooms[own].relay.Connect(region, remote)
		}
	}
	c := relay.ServerConfig{Secret: secret, Clock: clock.System{}, Logger: s.config.Logger}
	for _, own := range s.config.Regions {
		c.Relays = append(c.Relays, s.storage.rooms[own].relay)
	}
	s.peerHandler, err = relay.NewServer(c)
	return err
}

// peerServer takes what other processes' Regions have to tell. It has a listener
// of its own, so that only the other processes need to reach it.
func (s *Server) peerServer() *http.Server {
	mux := http.NewServeMux()
	if s.peerHandler != nil {
		mux.Handle(relay.Path, s.peerHandler)
	}
	return &http.Server{
		Handler: mux, TLSConfig: s.tls, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: peerTimeout,
		IdleTimeout: idleTimeout, ErrorLog: quietLog(s.config.Logger),
	}
}

// PeerAddr is where the Regions of other processes deliver; nil if nowhere.
func (s *Server) PeerAddr() net.Addr {
	if s.peers == nil {
		return nil
	}
	return s.peers.Addr()
}

// relayMetrics tells how much waits to be delivered to other Regions, and since when.
type relayMetrics struct {
	relays          map[string]*relay.Relay
	clock           clock.Clock
	pending, oldest *prometheus.Desc
}

func (s *Server) newRelayMetrics() *relayMetrics {
	labels := []string{"region", "to", "topic"}
	m := &relayMetrics{
		relays: map[string]*relay.Relay{}, clock: s.config.Clock,
		pending: prometheus.NewDesc("garrison_relay_pending", "Messages that another Region has not yet acknowledged.", labels, nil),
		oldest:  prometheus.NewDesc("garrison_relay_oldest_seconds", "Age of the oldest of them.", labels, nil),
	}
	for _, region := range s.config.Regions {
		m.relays[region] = s.storage.rooms[region].relay
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *relayMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- m.pending; ch <- m.oldest }

// Collect implements prometheus.Collector.
func (m *relayMetrics) Collect(ch chan<- prometheus.Metric) {
	for region, r := range m.relays {
		for _, st := range r.Status() {
			age := 0.0
			if !st.Oldest.IsZero() {
				age = max(0, m.clock.Now().Sub(st.Oldest).Seconds())
			}
			ch <- prometheus.MustNewConstMetric(m.pending, prometheus.GaugeValue, float64(st.Pending), region, st.To, st.Topic)
			ch <- prometheus.MustNewConstMetric(m.oldest, prometheus.GaugeValue, age, region, st.To, st.Topic)
		}
	}
}
