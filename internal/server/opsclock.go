package server

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// ClockPath is where a server that was started with --dev tells its time, and is
// told to move it.
const ClockPath = "/_garrison/clock"

// ClockHeader must be on a call that moves the clock. A page in a browser cannot
// send it to another origin unasked.
const ClockHeader = "Garrison-Clock"

// A ClockTime is the answer of ClockPath.
type ClockTime struct {
	Time time.Time `json:"time"`
}

// maxAdvance bounds one move: a century is more than any rehearsal needs.
const maxAdvance = 100 * 366 * 24 * time.Hour

// clockRoutes serves the clock, if it is one that moves.
func (s *Server) clockRoutes(mux *http.ServeMux) {
	c, ok := s.config.Clock.(*clock.Shifted)
	if !ok {
		return
	}
	mux.HandleFunc("GET "+ClockPath, func(w http.ResponseWriter, _ *http.Request) { tell(w, c.Now()) })
	mux.HandleFunc("POST "+ClockPath, func(w http.ResponseWriter, r *http.Request) {
		by, err := time.ParseDuration(r.FormValue("advance"))
		switch {
		case r.Header.Get(ClockHeader) == "":
			http.Error(w, "the header "+ClockHeader+" is missing", http.StatusForbidden)
		case err != nil || by < 0 || by > maxAdvance:
			http.Error(w, "advance must be a duration from 0 to a hundred years, such as 960h", http.StatusBadRequest)
		default:
			s.config.Logger.Info("the clock was advanced", "by", by)
			tell(w, c.Advance(by))
		}
	})
}

func tell(w http.ResponseWriter, t time.Time) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(ClockTime{t}) // who has gone away will ask again
}
