package influx

import (
	"sync"

	"github.com/intact-gateway/intact/gateway"
)

// buffer is a bounded line of samples. When it is full the oldest make room.
type buffer struct {
	mu      sync.Mutex
	ring    []gateway.Sample
	first   int // index of the oldest
	count   int
	limit   int
	inHand  int // taken and not yet safe
	dropped uint64
	gap     gap                  // what was dropped since it was last asked for
	lost    func(gateway.Sample) // told of each sample that is dropped; may be nil
}

// smallest is the length of the ring in quiet times, in samples.
const smallest = 8192

// put appends the writable samples and returns how many wait now.
func (b *buffer) put(samples []gateway.Sample) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range samples {
		if !writable(s) {
			continue
		}
		if b.count == len(b.ring) && len(b.ring) < b.limit {
			b.grow()
		}
		if b.count == b.limit {
			b.drop()
		}
		b.ring[(b.first+b.count)%len(b.ring)] = s
		b.count++
	}
	return b.count
}

// drop gives up the oldest sample.
func (b *buffer) drop() {
	x := b.ring[b.first]
	b.first = (b.first + 1) % len(b.ring)
	b.count--
	b.dropped++
	b.gap.add(gap{reason: bufferFull, samples: 1, first: x.At, last: x.At})
	if b.lost != nil {
		b.lost(x)
	}
}

func (b *buffer) grow() {
	ring := make([]gateway.Sample, min(max(smallest, 2*len(b.ring)), b.limit))
	n := copy(ring, b.ring[b.first:])
	copy(ring[n:], b.ring[:b.first])
	b.ring, b.first = ring, 0
}

// take moves up to n of the oldest samples to dst. They count as waiting until
// settle.
func (b *buffer) take(dst []gateway.Sample, n int) []gateway.Sample {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, b.count)
	for range n {
		dst = append(dst, b.ring[b.first])
		b.first = (b.first + 1) % len(b.ring)
	}
	b.count -= n
	b.inHand += n
	if b.count == 0 && len(b.ring) > smallest {
		// The outage is over; its memory is worth more elsewhere.
		b.ring, b.first = nil, 0
	}
	return dst
}

// settle notes that what was taken is safe, or lost for good.
func (b *buffer) settle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inHand = 0
}

// takeGap returns what was dropped since the last call; no samples if nothing was.
func (b *buffer) takeGap() gap {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.gap
	b.gap = gap{}
	return g
}

// state returns how many samples wait, those in hand included, and how many were
// given up.
func (b *buffer) state() (waiting int, dropped uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count + b.inHand, b.dropped
}
