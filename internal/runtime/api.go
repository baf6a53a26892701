package runtime

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The runtime API (Lambda Developer Guide, "Using the Lambda runtime API for custom
// runtimes").
const apiVersion = "/2018-06-01"

// A complaint is an error of the runtime API.
type complaint struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

// serveAPI answers the environment's processes, and nobody else.
func (s *sandbox) serveAPI() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+apiVersion+"/runtime/invocation/next", s.next)
	mux.HandleFunc("POST "+apiVersion+"/runtime/invocation/{id}/response", s.response)
	mux.HandleFunc("POST "+apiVersion+"/runtime/invocation/{id}/error", s.invocationError)
	mux.HandleFunc("POST "+apiVersion+"/runtime/init/error", s.initError)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	l := &ownListener{Listener: s.listener, uid: s.uid()}
	go func() {
		defer close(s.served)
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.pool.Logger.Error("serve the runtime API", "error", err)
		}
	}()
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever went away learns nothing
}

func accepted(w http.ResponseWriter) {
	reply(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

// next hands out the next invocation, when there is one.
func (s *sandbox) next(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	busy := s.current != nil && s.current.taken
	s.mu.Unlock()
	if busy {
		reply(w, http.StatusForbidden, complaint{"InvalidStateTransition", "Transition from RuntimeRunning to Ready is not allowed."})
		return
	}
	select {
	case s.asked <- struct{}{}:
	default: // it has asked before, and lost the connection
	}
	select {
	case j := <-s.work:
		s.mu.Lock()
		j.taken = true
		s.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", j.RequestID)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(j.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", j.ARN)
		if j.Trace != "" {
			h.Set("Lambda-Runtime-Trace-Id", j.Trace)
		}
		if j.ClientContext != "" {
			h.Set("Lambda-Runtime-Client-Context", j.ClientContext)
		}
		h.Set("Content-Length", strconv.Itoa(len(j.Payload)))
		_, _ = w.Write(j.Payload) // a runtime that doesn't read it runs into its time
	case <-r.Context().Done():
	case <-s.proc.done:
	}
}

// claim takes the invocation under way off the runtime, if id is its. Whoever
// answers first has answered.
func (s *sandbox) claim(w http.ResponseWriter, id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.current
	switch {
	case j == nil || !j.taken:
		reply(w, http.StatusForbidden, complaint{"InvalidStateTransition", "Transition from Ready to RuntimeResponseSent is not allowed."})
		return nil
	case j.RequestID != id:
		reply(w, http.StatusBadRequest, complaint{"InvalidRequestID", "Invalid request ID"})
		return nil
	}
	s.current = nil
	return j
}

// body reads an answer, nil if it is too long.
func body(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxAnswer {
		return nil, nil
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// response takes an invocation's answer.
func (s *sandbox) response(w http.ResponseWriter, r *http.Request) {
	b, err := body(r)
	if err != nil {
		return // the runtime was cut off: it is its process's end that counts
	}
	j := s.claim(w, r.PathValue("id"))
	switch {
	case j == nil:
	case b == nil:
		j.answer <- failure("Function.ResponseSizeTooLarge", j.RequestID,
			"Response payload size exceeded maximum allowed payload size ("+strconv.Itoa(maxAnswer)+" bytes).")
		reply(w, http.StatusRequestEntityTooLarge, complaint{"RequestEntityTooLarge", "Exceeded maximum allowed payload size (" + strconv.Itoa(maxAnswer) + " bytes)."})
	default:
		j.answer <- &Result{Payload: b}
		accepted(w)
	}
}

// invocationError takes the word that an invocation has failed.
func (s *sandbox) invocationError(w http.ResponseWriter, r *http.Request) {
	b, err := body(r)
	if err != nil {
		return
	}
	if j := s.claim(w, r.PathValue("id")); j != nil {
		j.answer <- failed(r, b)
		accepted(w)
	}
}

// initError takes the word that the runtime could not be started.
func (s *sandbox) initError(w http.ResponseWriter, r *http.Request) {
	b, err := body(r)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil || s.failed != nil || len(s.asked) > 0 {
		reply(w, http.StatusForbidden, complaint{"InvalidStateTransition", "Transition from Ready to InitError is not allowed."})
		return
	}
	s.failed = failed(r, b)
	accepted(w)
}

// failed is a failure by the runtime's word.
func failed(r *http.Request, b []byte) *Result {
	kind := strings.TrimSpace(r.Header.Get("Lambda-Runtime-Function-Error-Type"))
	if kind == "" {
		kind = "Function.Unknown"
	}
	if !json.Valid(b) {
		b, _ = json.Marshal(complaint{Type: kind}) // strings are always marshaled
	}
	return &Result{Payload: b, Error: unhandled, kind: kind}
}
