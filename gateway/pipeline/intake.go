package pipeline

import (
	"sync"

	"github.com/intact-gateway/intact/gateway"
)

// ringSize is how many samples of one source may wait for the loop: 100 poll
// cycles of a busy bus.
const ringSize = 8192

// ring holds the samples of one source until the loop takes them.
//
// It is bounded. When it is full, samples of analog points and counters give
// way to newer ones of the same point, and are counted; every sample of a
// stepwise point is kept, and if those alone fill the ring the source waits.
type ring struct {
	site *gateway.Site
	wake func()

	mu        sync.Mutex
	space     sync.Cond
	waiting   []gateway.Sample
	coalesced uint64
	closed    bool
}

func newRing(site *gateway.Site, wake func()) *ring {
	r := &ring{site: site, wake: wake}
	r.space.L = &r.mu
	return r
}

// put copies the samples into the ring. After close it does nothing.
func (r *ring) put(samples []gateway.Sample) {
	r.mu.Lock()
	for len(samples) > 0 && !r.closed {
		if len(r.waiting) >= ringSize {
			r.coalesce()
		}
		if len(r.waiting) >= ringSize {
			r.wake()
			r.space.Wait()
			continue
		}
		n := min(ringSize-len(r.waiting), len(samples))
		r.waiting = append(r.waiting, samples[:n]...)
		samples = samples[n:]
	}
	r.mu.Unlock()
	r.wake()
}

// take moves everything that waits into dst.
func (r *ring) take(dst []gateway.Sample) []gateway.Sample {
	r.mu.Lock()
	dst = append(dst, r.waiting...)
	r.waiting = r.waiting[:0]
	r.mu.Unlock()
	r.space.Broadcast()
	return dst
}

// close releases a source that waits for room.
func (r *ring) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.space.Broadcast()
}

func (r *ring) coalescedCount() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.coalesced
}

// coalesce drops each sample that a newer one of the same point follows, unless
// the point is stepwise or the two differ in whether they carry a value: a
// spell of bad quality is a change, too. The caller holds mu.
func (r *ring) coalesce() {
	newer := make(map[gateway.PointRef]bool, len(r.waiting)) // by point: quality carries a value
	kept := len(r.waiting)
	for i := len(r.waiting) - 1; i >= 0; i-- {
		s := r.waiting[i]
		next, followed := newer[s.Point]
		if followed && next == s.Quality.HasValue() && !r.site.Point(s.Point).Kind.Stepwise() {
			r.coalesced++
			continue
		}
		newer[s.Point] = s.Quality.HasValue()
		kept--
		r.waiting[kept] = s
	}
	r.waiting = r.waiting[:copy(r.waiting, r.waiting[kept:])]
}
