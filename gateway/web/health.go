package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway/pipeline"
)

// freshFor is how old the newest snapshot may be before the loop counts as
// standing still: it makes one every second.
const freshFor = 10 * time.Second

// duties are the parts, named before the colon of an entry of
// Snapshot.Degraded, without which the gateway does not do what it is for.
// InfluxDB and the chat robots are not among them: alarms go on without.
var duties = map[string]bool{"store": true, "loop": true}

// alive answers as long as the process serves requests at all: a watchdog that
// restarts the gateway looks here.
func (s *server) alive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, "application/json", map[string]bool{"alive": true})
}

// readyJSON says whether the gateway does its duty, and what keeps it from that.
type readyJSON struct {
	Site     string   `json:"site"` // its id
	Ready    bool     `json:"ready"`
	Age      float64  `json:"age"` // of the newest snapshot, in seconds
	Problems []string `json:"problems"`
	Degraded []string `json:"degraded"` // what else does not work; no reason to be not ready
}

// ready answers 503 while somebody has to look after the gateway itself.
// Restarting it would not help, or make it worse.
func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	snap := s.desk.Snapshot()
	age := s.ageOf(snap)
	j := readyJSON{Site: snap.Site.ID, Age: age.Seconds(), Problems: []string{}, Degraded: []string{}}
	if age >= freshFor {
		j.Problems = append(j.Problems, "the newest snapshot is older than "+freshFor.String())
	}
	for _, d := range snap.Degraded {
		if part, _, _ := strings.Cut(d, ":"); duties[part] {
			j.Problems = append(j.Problems, d)
		} else {
			j.Degraded = append(j.Degraded, d)
		}
	}
	status := http.StatusOK
	if j.Ready = len(j.Problems) == 0; !j.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, "application/json", j)
}

// ageOf returns how long ago snap was made. It goes by the monotonic clock: a
// wall clock that is set must neither hide a loop that stands still nor make
// one up.
func (s *server) ageOf(snap *pipeline.Snapshot) time.Duration { return s.o.Now().Sub(snap.Made) }
