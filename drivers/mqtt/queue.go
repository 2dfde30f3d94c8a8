package mqtt

import (
	"sync"

	"github.com/intact-gateway/intact/gateway"
)

// message is one message on its way from the connection to the samples.
type message struct {
	feed     *feed
	payload  []byte // empty for a message that was too large to take
	retained bool
	repeated bool            // taken before: only its receipt is owed
	at       gateway.Instant // when it came
	receipt  receipt

	older, newer *message // in the queue
	next         *message // the next newer one of the same feed
}

// overhead is what a waiting message costs beside its payload, in bytes.
const overhead = 256

// queue holds the messages that wait to be decoded, in the order they came.
//
// It is bounded in messages and in bytes. A message that finds it full pushes
// out the oldest of its own topic, which it supersedes; only a topic with
// nothing in the queue takes the place of another's: of the oldest message that
// has a newer one of the same topic behind it. So a flood on one topic costs
// that topic alone.
type queue struct {
	mu             sync.Mutex
	oldest, newest *message
	count, bytes   int
	maxCount       int
	maxBytes       int
	spare          []*message // to be used again
}

// The bounds of the messages kept to be used again.
const (
	spareMessages = 1024
	sparePayload  = 4 << 10 // bytes; larger payloads are rare
)

// blank returns a message to be filled in, with an empty payload.
func (q *queue) blank() *message {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.spare); n > 0 {
		m := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return m
	}
	return &message{}
}

// recycle takes back messages that nobody looks at any more.
func (q *queue) recycle(messages []*message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range messages {
		if len(q.spare) < spareMessages && cap(m.payload) <= sparePayload {
			*m = message{payload: m.payload[:0]}
			q.spare = append(q.spare, m)
		}
	}
}

// push appends m and returns what had to go for it.
func (q *queue) push(m *message) (dropped []*message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.count > 0 && (q.count >= q.maxCount || q.bytes+m.size() > q.maxBytes) {
		victim := q.victim(m.feed)
		q.remove(victim)
		dropped = append(dropped, victim)
	}
	if q.newest == nil {
		q.oldest = m
	} else {
		q.newest.newer, m.older = m, q.newest
	}
	q.newest = m
	if f := m.feed; f.newest == nil {
		f.oldest, f.newest = m, m
	} else {
		f.newest.next, f.newest = m, m
	}
	m.feed.queued++
	q.count++
	q.bytes += m.size()
	return dropped
}

// take moves up to limit of the oldest messages to dst.
func (q *queue) take(dst []*message, limit int) []*message {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; limit > 0 && q.oldest != nil; limit-- {
		m := q.oldest
		q.remove(m)
		dst = append(dst, m)
	}
	return dst
}

// len returns how many messages wait.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// victim returns the message that makes room for one of f. The walk is short: a
// queue that is full because of a flood has the flood near its head, and the
// count is bounded at twice the number of devices, so that somebody has two.
func (q *queue) victim(f *feed) *message {
	if f.queued > 0 {
		return f.oldest
	}
	for m := q.oldest; m != nil; m = m.newer {
		if m.feed.queued > 1 {
			return m
		}
	}
	return q.oldest
}

// remove takes out m, which is the oldest of its feed.
func (q *queue) remove(m *message) {
	if m.older == nil {
		q.oldest = m.newer
	} else {
		m.older.newer = m.newer
	}
	if m.newer == nil {
		q.newest = m.older
	} else {
		m.newer.older = m.older
	}
	f := m.feed
	if f.oldest = m.next; f.oldest == nil {
		f.newest = nil
	}
	f.queued--
	q.count--
	q.bytes -= m.size()
	m.older, m.newer, m.next = nil, nil, nil
}

func (m *message) size() int { return len(m.payload) + overhead }
