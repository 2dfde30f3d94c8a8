package mqtt

import "hash/maphash"

// recentMessages is how many messages are remembered; brokers have at most a few
// hundred under way.
const recentMessages = 1024

// recent remembers the newest messages that are to be acknowledged, so that one
// is known when the broker sends it again: after a lost connection an older
// state must not follow a newer one. MQTT 3.1.1 section 4.4: it comes under the
// same identifier.
type recent struct {
	seed  maphash.Seed
	ids   [recentMessages]uint16
	sums  [recentMessages]uint64
	count int // since the session began
}

// forget begins a new session.
func (r *recent) forget() { r.count = 0 }

// repeated reports whether p has been here before, and remembers it if not.
func (r *recent) repeated(p publication) bool {
	sum := maphash.Bytes(r.seed, p.topic) ^ maphash.Bytes(r.seed, p.payload)<<1
	if p.again {
		for n := 1; n <= min(r.count, recentMessages); n++ {
			if i := (r.count - n) % recentMessages; r.ids[i] == p.receipt.id {
				if r.sums[i] == sum {
					return true
				}
				break // the identifier was used for another message since
			}
		}
	}
	i := r.count % recentMessages
	r.ids[i], r.sums[i] = p.receipt.id, sum
	r.count++
	return false
}
