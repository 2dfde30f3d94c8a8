package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/access"
	"github.com/intact-gateway/intact/gateway/pipeline"
)

// The times of the live stream.
const (
	streamPace  = time.Second      // between two events without a transition
	streamBeat  = 15 * time.Second // a comment keeps proxies from closing a silent connection
	streamWrite = 10 * time.Second // a client that takes no byte for this long is dropped
)

// snapshotJSON is one event of the stream: everything, or what changed since
// the event before.
type snapshotJSON struct {
	Seq           uint64         `json:"seq"`
	At            time.Time      `json:"at"`  // of the snapshot
	Now           time.Time      `json:"now"` // of the gateway's clock: data may be old although they came just now
	Full          bool           `json:"full"`
	Transition    bool           `json:"transition"` // an alert, a ticket, a facility or the gateway itself changed
	Facilities    []facilityJSON `json:"facilities,omitempty"`
	Alerts        []alertJSON    `json:"alerts,omitempty"`
	AlertsClosed  []alerts.ID    `json:"alerts_closed,omitempty"`
	Tickets       []ticketJSON   `json:"tickets,omitempty"`
	TicketsClosed []tickets.ID   `json:"tickets_closed,omitempty"`
	Points        []pointJSON    `json:"points,omitempty"`
	Degraded      []string       `json:"degraded"`
}

// stream is the live stream of one client. Its loop keeps the snapshot that
// was told last and always compares the newest with it: a client that reads
// slowly skips states but ends with the right one, and nothing is queued.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	snap := s.desk.Snapshot()
	watched, err := watchedPoints(r, snap)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer s.streams.Add(-1)
	if int(s.streams.Add(1)) > s.o.Streams {
		newProblem(http.StatusServiceUnavailable, "too_many_streams", "too many clients listen to the live stream", "poll, or try again later").write(w)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
	c := &subscriber{w: w, rc: http.NewResponseController(w), watched: watched, words: wordsFor(r, snap), age: s.ageOf,
		welcome: func() bool { id, err := s.identify(r); return err == nil && id.Role >= access.Viewer }}
	c.follow(r.Context().Done(), s.o.Done, s.desk, snap)
}

// watchedPoints returns the points a client wants: all (the default), only
// those that the overview shows (points=key), or none; and all of each facility
// it names.
func watchedPoints(r *http.Request, snap *pipeline.Snapshot) ([]gateway.PointRef, error) {
	q := r.URL.Query()
	var refs []gateway.PointRef
	switch which := q.Get("points"); {
	case which == "none":
	case which == "key":
		for i := range snap.Site.Facilities() {
			refs = append(refs, keyPoints(snap.Site, i)...)
		}
	case which == "all", which == "" && !q.Has("facility"):
		for ref := range snap.Site.Points() {
			refs = append(refs, ref)
		}
	case which != "":
		return nil, badQuery("points", which, "all, key or none")
	}
	for _, id := range q["facility"] {
		i, err := facilityIndex(snap.Site, id)
		if err != nil {
			return nil, err
		}
		for ref, end := snap.Site.PointsOf(i); ref < end; ref++ {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs), nil
}

// subscriber is one client of the live stream. It belongs to the goroutine of
// its request.
type subscriber struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	watched []gateway.PointRef
	words   words
	age     func(*pipeline.Snapshot) time.Duration
	welcome func() bool // whether the login still holds
	buf     bytes.Buffer
}

// follow tells the client of every transition at once and of anything else at
// most once per streamPace, until it or the gateway has gone.
func (c *subscriber) follow(gone, stop <-chan struct{}, d Desk, snap *pipeline.Snapshot) {
	if c.event(snap, fullEvent(snap, c.watched, c.words)) != nil {
		return
	}
	told, seen := snap, snap
	pace, beat := time.NewTimer(streamPace), time.NewTimer(streamBeat)
	defer pace.Stop()
	defer beat.Stop()
	for due := false; ; {
		select {
		case <-gone:
			return
		case <-stop:
			return
		case <-beat.C:
			if !c.welcome() || c.comment("alive") != nil {
				return
			}
			beat.Reset(streamBeat)
			continue
		case <-pace.C:
			due = true
		case <-d.Changed(seen):
			seen = d.Snapshot()
		}
		next := changeEvent(told, seen, c.watched, c.words)
		if seen == told || !due && !next.Transition {
			continue
		}
		if c.event(seen, next) != nil {
			return
		}
		told, due = seen, false
		pace.Reset(streamPace)
	}
}

// event sends e, which tells of the snapshot s.
func (c *subscriber) event(s *pipeline.Snapshot, e snapshotJSON) error {
	e.Seq, e.At, e.Now = s.Seq, s.At.In(s.Site.Location), s.At.Add(c.age(s)).In(s.Site.Location)
	e.Degraded = append([]string{}, s.Degraded...)
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	c.buf.Reset()
	c.buf.WriteString("event: snapshot\nid: ")
	c.buf.WriteString(strconv.FormatUint(e.Seq, 10))
	c.buf.WriteString("\ndata: ")
	c.buf.Write(data)
	c.buf.WriteString("\n\n")
	return c.flush()
}

// comment sends a line that clients pass over.
func (c *subscriber) comment(text string) error {
	c.buf.Reset()
	c.buf.WriteString(": " + text + "\n\n")
	return c.flush()
}

// flush sends what is in the buffer, within streamWrite.
func (c *subscriber) flush() error {
	// A writer without deadlines, as in tests, is as good as one that never
	// blocks.
	_ = c.rc.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := c.w.Write(c.buf.Bytes()); err != nil {
		return err
	}
	return c.rc.Flush()
}

// fullEvent tells everything: a client needs nothing from before.
func fullEvent(s *pipeline.Snapshot, watched []gateway.PointRef, w words) snapshotJSON {
	e := snapshotJSON{Full: true, Transition: true}
	for i := range s.Facilities {
		e.Facilities = append(e.Facilities, viewFacility(s, i))
	}
	for _, a := range s.Alerts {
		e.Alerts = append(e.Alerts, viewAlert(s, a))
	}
	for _, t := range s.Tickets {
		e.Tickets = append(e.Tickets, viewTicket(s, t))
	}
	for _, ref := range watched {
		e.Points = append(e.Points, streamPoint(s, ref, w))
	}
	return e
}

// streamPoint tells one point with the texts that the page shows as they are.
func streamPoint(s *pipeline.Snapshot, ref gateway.PointRef, w words) pointJSON {
	v := honest(s.Values[ref])
	j := viewPoint(s.Site, v)
	j.Text, j.QualityText = valueText(s.Site.Point(ref), v, w), w.T("quality."+v.Quality.String())
	return j
}

// changeEvent returns what differs from the snapshot old to the snapshot s.
func changeEvent(old, s *pipeline.Snapshot, watched []gateway.PointRef, w words) snapshotJSON {
	if old.Site != s.Site {
		return fullEvent(s, watched, w)
	}
	var e snapshotJSON
	for i := range s.Facilities {
		if o, n := old.Facilities[i], s.Facilities[i]; o.Class != n.Class || o.Since != n.Since {
			e.Facilities = append(e.Facilities, viewFacility(s, i))
		}
	}
	changed, closed := compare(old.Alerts, s.Alerts, func(a alerts.Alert) alerts.ID { return a.ID }, sameAlert)
	for _, a := range changed {
		e.Alerts = append(e.Alerts, viewAlert(s, a))
	}
	e.AlertsClosed = closed
	moved, ended := compare(old.Tickets, s.Tickets, func(t tickets.Ticket) tickets.ID { return t.ID }, sameTicket)
	for _, t := range moved {
		e.Tickets = append(e.Tickets, viewTicket(s, t))
	}
	e.TicketsClosed = ended
	e.Transition = len(e.Facilities)+len(changed)+len(closed)+len(moved)+len(ended) > 0 || !slices.Equal(old.Degraded, s.Degraded)
	for _, ref := range watched {
		if !sameSample(old.Values[ref], s.Values[ref]) {
			e.Points = append(e.Points, streamPoint(s, ref, w))
		}
	}
	return e
}

// compare returns which of the rows now, in order of id, are new or differ from
// those before, and the ids of the rows that are gone.
func compare[T any, ID int64Like](before, now []T, id func(T) ID, same func(a, b *T) bool) (changed []T, gone []ID) {
	i := 0
	for n := range now {
		for i < len(before) && id(before[i]) < id(now[n]) {
			gone = append(gone, id(before[i]))
			i++
		}
		if i < len(before) && id(before[i]) == id(now[n]) {
			if !same(&before[i], &now[n]) {
				changed = append(changed, now[n])
			}
			i++
			continue
		}
		changed = append(changed, now[n])
	}
	for ; i < len(before); i++ {
		gone = append(gone, id(before[i]))
	}
	return changed, gone
}

// int64Like are the ids of alerts and tickets.
type int64Like interface{ ~int64 }

// sameSample compares with NaN equal to itself: both carry no value.
func sameSample(a, b gateway.Sample) bool {
	return a == b || a.Point == b.Point && a.Quality == b.Quality && a.At == b.At && number(a.Value) == nil && number(b.Value) == nil
}

// sameAlert compares with NaN equal to itself: it stands for "none". A peak that
// rises is no transition; when the alert returns it is told with that.
func sameAlert(a, b *alerts.Alert) bool {
	x, y := *a, *b
	same := true
	for _, pair := range [...][2]*float64{{&x.Value, &y.Value}, {&x.Limit, &y.Limit}, {&x.Trip, &y.Trip}, {&x.TripLimit, &y.TripLimit}} {
		same = same && sameNumber(*pair[0], *pair[1])
		*pair[0], *pair[1] = 0, 0
	}
	x.Peak, y.Peak = 0, 0
	return same && x == y
}

// sameNumber reports whether a and b are equal, or both none.
func sameNumber(a, b float64) bool { return a == b || a != a && b != b }

// sameTicket looks at everything that a step of a ticket can change.
func sameTicket(a, b *tickets.Ticket) bool {
	return a.State == b.State && a.Priority == b.Priority && a.Latest == b.Latest && a.Count == b.Count &&
		a.Recovered == b.Recovered && a.Deadlines == b.Deadlines && a.Responded == b.Responded &&
		a.ArrivedAt == b.ArrivedAt && slices.Equal(a.Active, b.Active) && a.Finished == b.Finished && slices.Equal(a.Breached, b.Breached) &&
		a.Owner == b.Owner && a.Cause == b.Cause && a.Action == b.Action && a.Note == b.Note && a.Text == b.Text
}
