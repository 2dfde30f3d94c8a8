package access

import (
	"net/netip"
	"sync"
	"time"
)

// Tries are counted in buckets: so many at once, and one more in each refill.
const (
	tries      = 5
	refill     = 12 * time.Second // five a minute
	maxBuckets = 4096
)

// limiter counts the tries of many keys in bounded memory. When it is full of keys
// that are being tried, those that are new share one bucket.
type limiter struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

// bucket is what is left to a key at a time.
type bucket struct {
	left float64
	at   time.Time
}

const overflow = "\x00"

func newLimiter() *limiter { return &limiter{buckets: make(map[string]bucket)} }

// try takes one try of key, if there is one left.
func (l *limiter) try(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.buckets[key]; !known && len(l.buckets) >= maxBuckets {
		if l.sweep(now); len(l.buckets) >= maxBuckets {
			key = overflow
		}
	}
	b := l.buckets[key]
	left := b.leftAt(now)
	if left < 1 {
		return false
	}
	l.buckets[key] = bucket{left - 1, now}
	return true
}

// forget gives key back all its tries.
func (l *limiter) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.buckets, key)
}

// sweep lets go of what is as good as new.
func (l *limiter) sweep(now time.Time) {
	for key, b := range l.buckets {
		if b.leftAt(now) >= tries {
			delete(l.buckets, key)
		}
	}
}

// leftAt returns how many tries there are at now. The zero bucket is full.
func (b bucket) leftAt(now time.Time) float64 {
	if b.at.IsZero() {
		return tries
	}
	return min(tries, b.left+now.Sub(b.at).Seconds()/refill.Seconds())
}

// network returns by what an address is counted: whoever has one IPv6 address has
// the 2^64 beside it.
func network(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	if ip = ip.Unmap(); ip.Is6() {
		return netip.PrefixFrom(ip.WithZone(""), 64).Masked().String()
	}
	return ip.String()
}
