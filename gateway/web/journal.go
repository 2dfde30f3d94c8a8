package web

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// journalBatch is how many rows are read from the store at a time.
const journalBatch = 500

// journal streams the rows after ?after=SEQ, one JSON document a line, up to
// the newest. Rows are given as they were written, with times in UTC: their
// hashes are over exactly that. A reader that takes no byte for streamWrite is
// dropped: it must not keep a goroutine and a connection for ever. If the store fails on the way the connection is
// broken, so that half a journal is not taken for the whole.
func (s *server) journal(w http.ResponseWriter, r *http.Request) {
	var after int64
	if v := r.URL.Query().Get("after"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			badQuery("after", v, "the seq of the last row you have, 0 for all").write(w)
			return
		}
		after = n
	}
	rows, err := s.history.Journal(r.Context(), after, journalBatch)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	for out := json.NewEncoder(w); len(rows) > 0; {
		for i := range rows {
			// As for the live stream: the reader may be slow, not asleep. What is
			// left in the server's buffer at the end goes out under the last limit.
			_ = rc.SetWriteDeadline(time.Now().Add(streamWrite))
			if err := out.Encode(&rows[i]); err != nil {
				return // the client has gone or stalls
			}
		}
		rows, err = s.history.Journal(r.Context(), rows[len(rows)-1].Seq, journalBatch)
		if err != nil {
			s.o.Log.Error("journal not served whole", "err", err)
			panic(http.ErrAbortHandler)
		}
	}
}
