package main

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

// A server answers the requests of one stream.
type server struct {
	codec  *frame.Codec
	out    io.Writer
	mu     sync.Mutex // one writes to out at a time
	ending func()     // called when no more requests come; bounds what is left
}

// serve opens the token with the PIN of the first request and answers the others
// until in ends or the token is lost. A token that does not open is no error
// here: the answer says it.
func (s *server) serve(in io.Reader, where place) error {
	first, err := s.codec.ReadRequest(in)
	if err != nil {
		return fmt.Errorf("first request: %w", err)
	}
	t, err := login(first, where)
	if err != nil {
		return s.answer(first.Seq, frame.Response{}, err)
	}
	if err := s.answer(first.Seq, frame.Response{Number: uint32(len(t.sessions))}, nil); err != nil { //nolint:gosec // at most maxSessions
		return err
	}
	return s.work(in, t)
}

// login takes the PIN from the request and clears it.
func login(first frame.Request, where place) (*token, error) {
	defer clear(first.Data)
	switch {
	case first.Op != frame.Login:
		return nil, refusal{status: frame.BadRequest}
	case first.Number != frame.Version:
		return nil, refusal{status: frame.BadVersion}
	case len(first.Data) == 0:
		return nil, refusal{status: frame.WrongPIN, text: "the PIN is empty"}
	case len(first.Data) > frame.MaxPIN:
		return nil, refusal{status: frame.BadRequest}
	}
	return open(where, first.Data)
}

// work hands requests to one worker a session: a PKCS#11 session does one thing
// at a time.
func (s *server) work(in io.Reader, t *token) error {
	requests, lost := make(chan frame.Request), make(chan struct{})
	var lose sync.Once
	var workers sync.WaitGroup
	for _, session := range t.sessions {
		workers.Go(func() {
			for r := range requests {
				if err := s.handle(t, session, r); err != nil {
					lose.Do(func() { close(lost) })
					return
				}
			}
		})
	}
	ended := make(chan error, 1)
	go func() { ended <- s.receive(in, requests, lost) }()
	select {
	case <-lost:
		// Others may be inside the library, and the reader waits for input: the
		// process ends without them.
		return errors.New("the token is lost")
	case err := <-ended:
		s.ending()
		workers.Wait()
		t.close()
		return err
	}
}

// receive reads requests until in ends, and closes the channel then.
func (s *server) receive(in io.Reader, requests chan<- frame.Request, lost <-chan struct{}) error {
	defer close(requests)
	for {
		r, err := s.codec.ReadRequest(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case requests <- r:
		case <-lost:
			return nil
		}
	}
}

// handle answers one request, and clears what it held. Its error ends the
// process: the token is lost, or nobody listens.
func (s *server) handle(t *token, session pkcs11.SessionHandle, r frame.Request) error {
	defer clear(r.Data)
	res, err := t.do(session, r)
	defer clear(res.Data)
	if werr := s.answer(r.Seq, res, err); werr != nil {
		return werr
	}
	if classify(err).status == frame.Gone {
		return err
	}
	return nil
}

func (s *server) answer(seq uint64, res frame.Response, err error) error {
	why := classify(err)
	if err != nil {
		res = frame.Response{Text: why.text}
	}
	if why.status == frame.BadVersion {
		res.Number = frame.Version
	}
	res.Seq, res.Status = seq, why.status
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.codec.WriteResponse(s.out, &res)
}
