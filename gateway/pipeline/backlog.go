package pipeline

import (
	"cmp"
	"maps"
	"slices"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
)

// backlogRows is how many rows are kept in memory while the disk fails.
const backlogRows = 20_000

// weight is how many rows a step takes up in memory; at least 1.
func (s *step) weight() int {
	c := &s.change
	return max(1, len(c.Entries)+len(c.Alerts)+len(c.Tickets)+len(c.Notices)+len(c.States)+len(c.Rules))
}

// bound keeps what waits for a disk that fails within backlogRows. What a try
// under way is about is left alone; of the rest it makes one step, with the
// newer half of its history.
func (r *recorder) bound() {
	if r.weight <= backlogRows {
		return
	}
	merged := &step{held: true}
	for _, s := range r.waiting[r.trying:] {
		if !s.held {
			r.outbox.hold(s.change.Notices)
		}
		r.weight -= s.weight()
		join(&merged.change, &s.change)
	}
	r.told()
	lost, unsent := halve(&merged.change)
	r.lost.Add(uint64(lost))
	r.outbox.giveUp(unsent)
	r.waiting = append(r.waiting[:r.trying:r.trying], merged)
	r.weight += merged.weight()
}

// join appends what next says to c.
func join(c, next *store.Change) {
	c.At = max(c.At, next.At)
	c.Entries = append(c.Entries, next.Entries...)
	c.Alerts = append(c.Alerts, next.Alerts...)
	c.Tickets = append(c.Tickets, next.Tickets...)
	c.Notices = append(c.Notices, next.Notices...)
	c.States = append(c.States, next.States...)
	c.Rules = append(c.Rules, next.Rules...)
}

// halve gives up the older half of the history in c, and of each alert, ticket and
// rule instance all but its newest row. It returns how many rows of history are lost,
// and the notices that will not be written.
func halve(c *store.Change) (lost int, dropped []notify.Notice) {
	lost = len(c.Entries)/2 + len(c.States)/2
	dropped = c.Notices[:len(c.Notices)/2]
	c.Entries = slices.Clone(c.Entries[len(c.Entries)/2:])
	c.States = slices.Clone(c.States[len(c.States)/2:])
	c.Notices = slices.Clone(c.Notices[len(c.Notices)/2:])
	c.Alerts = newest(c.Alerts, func(i int) int64 { return int64(c.Alerts[i].ID) })
	c.Tickets = newest(c.Tickets, func(i int) int64 { return int64(c.Tickets[i].ID) })
	c.Rules = newestRules(c.Rules)
	return lost, dropped
}

// newestRules keeps the last state of every instance. There are no more of them
// than instances.
func newestRules(all []rules.State) []rules.State {
	last := make(map[string]rules.State, len(all))
	for _, s := range all {
		last[s.Key] = s
	}
	return slices.SortedFunc(maps.Values(last), func(a, b rules.State) int { return cmp.Compare(a.Key, b.Key) })
}

// newest keeps the last of all rows with the same id, in order of id, and of
// more than an eighth of the backlog those with the highest.
func newest[T any](rows []T, id func(int) int64) []T {
	last := make(map[int64]int, len(rows))
	for i := range rows {
		last[id(i)] = i
	}
	at := make([]int, 0, len(last))
	for _, i := range last {
		at = append(at, i)
	}
	slices.SortFunc(at, func(a, b int) int { return cmp.Compare(id(a), id(b)) })
	at = at[max(0, len(at)-backlogRows/8):]
	kept := make([]T, 0, len(at))
	for _, i := range at {
		kept = append(kept, rows[i])
	}
	return kept
}
