package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// serveBare serves the reference until ctx ends.
func serveBare(ctx context.Context, addr string) error {
	srv := &http.Server{Addr: addr, Handler: bareHandler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close() // the process ends with it
	}()
	if err := srv.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// bareHandler is the reference: a bare net/http handler that decodes the JSON
// request, does the primitive that the path names with a key that it holds ready,
// and answers as many bytes as Garrison's answer has. It checks no signature of
// the request, no policy, and records nothing.
func bareHandler() http.Handler {
	mux := http.NewServeMux()
	for name, create := range primitives() {
		ready := sync.OnceValues(create)
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) {
			out, err := perform(r, ready)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			answer(w, r, out)
		})
	}
	return mux
}

func perform(r *http.Request, ready func() (primitive, error)) ([]byte, error) {
	do, err := ready()
	if err != nil {
		return nil, err
	}
	in, err := decode(r)
	if err != nil {
		return nil, err
	}
	return do(in)
}

// bareInput has what the primitives ask for.
type bareInput struct {
	KeyID          string `json:"KeyId"`
	Plaintext      []byte
	CiphertextBlob []byte
	Message        []byte
	Signature      []byte
	Mac            []byte
	PublicKey      []byte
	NumberOfBytes  int
}

func decode(r *http.Request) (*bareInput, error) {
	in := &bareInput{}
	b, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("X-Amz-Target") == "" {
		return in, err // a form: Garrison's Query protocol
	}
	return in, json.Unmarshal(b, in)
}

type bareOutput struct {
	Pad    string
	Result []byte `json:",omitempty"`
}

// answer sends n bytes as the client wished, so that both servers send the same.
func answer(w http.ResponseWriter, r *http.Request, result []byte) {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n < 0 || n > 1<<20 {
		http.Error(w, "n must be a length", http.StatusBadRequest)
		return
	}
	frame := len(`{"Pad":""}`)
	if len(result) > 0 {
		frame += len(`,"Result":""`) + (len(result)+2)/3*4
	}
	b, err := json.Marshal(bareOutput{Pad: strings.Repeat("x", max(0, n-frame)), Result: result})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = w.Write(b) // a client that is gone tells of it itself
}
