package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/gateway"
)

// Bounds of a connection. A body has its own bounds in the gateway.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// A Server is the whole process: what `garrison serve` runs.
type Server struct {
	config      Config
	storage     *storage
	services    *services
	gateway     *gateway.Gateway
	metrics     *prometheus.Registry
	credentials []Credentials
	listener    net.Listener
	ops         net.Listener // nil when switched off
	peers       net.Listener // nil when no other process delivers here
	peerHandler http.Handler
	tls         *tls.Config  // nil for HTTP
	stopTraces  func() error // nil without traces
	newcomers   *newcomers
}

func newID() string { return uuid.NewString() }

// New opens the stores and builds the services. It returns once the server
// listens; Run answers what arrives.
func New(ctx context.Context, c Config) (_ *Server, err error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Server{config: c, metrics: prometheus.NewRegistry(), newcomers: newNewcomers()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.listen(); err != nil {
		return nil, err
	}
	if s.storage, err = openStorage(ctx, &s.config); err != nil {
		return nil, err
	}
	if err := s.storage.recover(ctx); err != nil {
		return nil, err
	}
	if err := s.connectPeers(); err != nil {
		return nil, err
	}
	s.config.endpoint = s.URL()
	if s.services, err = buildServices(&s.config, s.storage); err != nil {
		return nil, err
	}
	if err := s.firstAccounts(ctx); err != nil {
		return nil, err
	}
	return s, s.buildGateway(ctx)
}

func (s *Server) buildGateway(ctx context.Context) error {
	s.metrics.MustRegister(s.newRelayMetrics(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	tracer, stop, err := newTracer(ctx, s.config.TraceEndpoint)
	if err != nil {
		return err
	}
	if stop != nil {
		s.stopTraces = func() error { return stop(context.WithoutCancel(ctx)) }
	}
	s.gateway = gateway.New(s.services.gatewayConfig(&s.config, gateway.NewMetrics(s.metrics), tracer))
	s.services.gateway, s.services.url = s.gateway, s.URL()
	return nil
}

// listen takes the ports first: a port in use should cost nothing else.
func (s *Server) listen() (err error) {
	if s.listener, err = listenOn("--listen", s.config.Listen); err != nil {
		return err
	}
	if s.config.OpsListen != "off" {
		if s.ops, err = listenOn("--ops-listen", s.config.OpsListen); err != nil {
			return err
		}
	}
	if s.config.PeerListen != "" {
		if s.peers, err = listenOn("--peer-listen", s.config.PeerListen); err != nil {
			return err
		}
	}
	s.tls, err = tlsConfig(&s.config)
	return err
}

func listenOn(flag, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; is another garrison running? choose another address with %s", flag, err, flag)
	}
	return l, nil
}

// URL is where the API answers.
func (s *Server) URL() string {
	scheme := "http"
	if s.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// OpsURL is where health and metrics answer; empty if nowhere.
func (s *Server) OpsURL() string {
	if s.ops == nil {
		return ""
	}
	return "http://" + s.ops.Addr().String()
}

// Handler answers API calls. Run serves it; tests may call it directly.
func (s *Server) Handler() http.Handler { return s.gateway }

// Credentials are the root access keys of the configured accounts.
func (s *Server) Credentials() []Credentials { return s.credentials }

// Run answers calls until ctx ends. It then takes no new ones, lets those under
// way end, keeps every event, and closes the stores.
func (s *Server) Run(ctx context.Context) error {
	// Background work outlives the calls: their events are kept by it.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	background, work := errgroup.WithContext(work)
	background.Go(func() error { return s.storage.run(work) })
	background.Go(func() error { return s.services.run(work) })

	api := s.apiServer()
	ops, peers := s.opsServer(), s.peerServer()
	// When background work fails, calls can no longer be kept: stop answering.
	serving, serveCtx := errgroup.WithContext(ctx)
	serving.Go(func() error { return s.serve(api, s.listener) })
	if s.ops != nil {
		serving.Go(func() error { return ignoreClosed(ops.Serve(s.ops)) })
	}
	if s.peers != nil {
		serving.Go(func() error { return s.serve(peers, s.peers) })
	}
	serving.Go(func() error {
		select {
		case <-serveCtx.Done():
		case <-work.Done():
		}
		return errors.Join(s.drain(ctx, api), ops.Close(), peers.Close())
	})
	err := serving.Wait()
	stopWork()
	workErr := background.Wait()
	if errors.Is(workErr, context.Canceled) {
		workErr = nil
	}
	return errors.Join(err, workErr, s.close())
}

func (s *Server) serve(h *http.Server, l net.Listener) error {
	if s.tls != nil {
		return ignoreClosed(h.ServeTLS(l, "", ""))
	}
	return ignoreClosed(h.Serve(l))
}

func (s *Server) apiServer() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: s.gateway, TLSConfig: s.tls, Protocols: &protocols,
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: quietLog(s.config.Logger), ConnState: s.newcomers.state,
	}
}

// drain lets calls under way end, and cuts off those that take too long. It is
// for after ctx has ended.
func (s *Server) drain(ctx context.Context, api *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Drain)
	defer cancel()
	s.newcomers.close()
	if err := api.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), api.Close())
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// close releases what New took.
func (s *Server) close() error {
	var errs []error
	for _, l := range []net.Listener{s.listener, s.ops, s.peers} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if s.stopTraces != nil {
		errs = append(errs, s.stopTraces())
	}
	if s.storage != nil {
		errs = append(errs, s.storage.close())
	}
	return errors.Join(errs...)
}
