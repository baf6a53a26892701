package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// serveBare is the reference: a bare net/http handler that decodes the JSON
// request and answers as many bytes as Garrison's answer has. It checks no
// signature, no policy, and records nothing.
func serveBare(ctx context.Context, addr string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/answer", func(w http.ResponseWriter, r *http.Request) {
		if _, err := decode(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer(w, r, nil)
	})
	mux.HandleFunc("/ecdsa", func(w http.ResponseWriter, r *http.Request) {
		in, err := decode(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		sig, err := ecdsa.SignASN1(rand.Reader, key, in.Message)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, r, sig)
	})
	srv := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close() // the process ends with it
	}()
	if err := srv.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

type bareInput struct {
	KeyID     string `json:"KeyId"`
	Plaintext []byte
	Message   []byte
}

func decode(r *http.Request) (bareInput, error) {
	var in bareInput
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return in, err
	}
	if r.Header.Get("X-Amz-Target") == "" {
		return in, nil // a form: Garrison's Query protocol
	}
	return in, json.Unmarshal(b, &in)
}

type bareOutput struct {
	Pad       string
	Signature []byte `json:",omitempty"`
}

// answer sends n bytes as the client wished, so that both servers send the same.
func answer(w http.ResponseWriter, r *http.Request, signature []byte) {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n < 0 || n > 1<<20 {
		http.Error(w, "n must be a length", http.StatusBadRequest)
		return
	}
	pad := make([]byte, max(0, n-len(`{"Pad":""}`)-len(signature)*4/3))
	for i := range pad {
		pad[i] = 'x'
	}
	b, err := json.Marshal(bareOutput{Pad: string(pad), Signature: signature})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = w.Write(b) // a client that is gone tells of it itself
}
