package gateway

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the gateway's counters. Operations that nobody has called have no
// series, so the number of series is bounded by what is served.
type Metrics struct {
	calls   *prometheus.CounterVec
	latency *prometheus.HistogramVec
	series  sync.Map // seriesKey → *series: label look-ups are made once
}

type seriesKey struct {
	service, operation, code string
}

type series struct {
	calls   prometheus.Counter
	latency prometheus.Observer
}

// NewMetrics registers the gateway's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "garrison_api_calls_total",
			Help: "API calls by service, operation and error code (empty on success).",
		}, []string{"service", "operation", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "garrison_api_call_seconds",
			Help:    "Time from the arrival of an API call to its answer.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .05, .1, .5, 1, 5},
		}, []string{"service", "operation"}),
	}
	r.MustRegister(m.calls, m.latency)
	return m
}

// observe counts a finished call.
func (m *Metrics) observe(x *exchange) {
	if m == nil {
		return
	}
	key := seriesKey{"unknown", "unknown", ""}
	if x.op != nil {
		key.service, key.operation = x.service.Name(), x.op.Name
	}
	if x.err != nil {
		key.code = x.code()
	}
	s := m.find(key)
	s.calls.Inc()
	s.latency.Observe(x.g.Wall.Now().Sub(x.started).Seconds())
}

func (m *Metrics) find(key seriesKey) *series {
	if s, ok := m.series.Load(key); ok {
		return s.(*series)
	}
	s := &series{
		calls:   m.calls.WithLabelValues(key.service, key.operation, key.code),
		latency: m.latency.WithLabelValues(key.service, key.operation),
	}
	m.series.Store(key, s)
	return s
}

// code is the error's code, or the status where the error has a code that a
// client could invent.
func (x *exchange) code() string {
	if x.op == nil {
		return strconv.Itoa(x.failure().Status)
	}
	return x.failure().Code
}
