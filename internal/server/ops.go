package server

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// opsServer answers what machines ask about the process. It has a listener of
// its own, so that the API's port shows nothing but the API.
func (s *Server) opsServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_garrison/health", s.health)
	s.clockRoutes(mux)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	return &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ErrorLog: quietLog(s.config.Logger)}
}

// health answers 200 while calls can be answered and recorded, else 503 and why.
// Whoever has gone away in the meantime will ask again.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for name, r := range s.storage.rooms {
		if err := r.log.Ready(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintf(w, "{\"status\":\"unavailable\",\"store\":%q,\"reason\":%q}\n", name, err.Error())
			return
		}
	}
	_, _ = io.WriteString(w, "{\"status\":\"ok\"}\n")
}

// quietLog takes net/http's complaints about clients: they are of interest only
// to who debugs one.
func quietLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelDebug)
}
