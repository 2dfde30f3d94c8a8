package mqtt

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/intact-gateway/intact/gateway"
)

const (
	// maxHeld is how many unknown devices are listed at once; beyond that the
	// one heard longest ago makes room.
	maxHeld = 200
	// leafPeriod is how often the messages of a device are searched for values
	// that its profile does not know.
	leafPeriod = time.Minute
	// exampleLength is how much of such a value is kept, in bytes.
	exampleLength = 40
)

// Held is a device nobody configured, which waits for somebody to do so or to
// throw it out. It has no points: what is watched is what is listed.
type Held struct {
	Name        string // what {device} would be, or the whole topic
	Topic       string // of its newest message
	Count       uint64
	First, Last gateway.Instant
}

// Unread is a value in the messages of a device that its profile says nothing
// of.
type Unread struct {
	Device  string // its name, or its topic if it has none
	Path    string // as a profile would have it
	Example string // as it stood in a message
}

// strangers is what is heard but not known.
type strangers struct {
	mu      sync.Mutex
	held    map[string]*Held
	evicted uint64
	unread  []Unread
}

// hold lists the device called name, which has spoken on topic.
func (s *strangers) hold(name, topic string, now gateway.Instant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[name]
	if h == nil {
		if len(s.held) >= maxHeld {
			s.evict()
		}
		h = &Held{Name: strings.Clone(name), First: now}
		s.held[h.Name] = h
	}
	h.Topic, h.Last = topic, now
	h.Count++
}

// evict takes the one heard longest ago off the list.
func (s *strangers) evict() {
	var oldest *Held
	for _, h := range s.held {
		if oldest == nil || h.Last < oldest.Last {
			oldest = h
		}
	}
	delete(s.held, oldest.Name)
	s.evicted++
}

// list returns the devices held, those heard last first, and the values unread.
func (s *strangers) list() (held []Held, evicted uint64, unread []Unread) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		held = append(held, *h)
	}
	slices.SortFunc(held, func(a, b Held) int {
		return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(a.Name, b.Name))
	})
	return held, s.evicted, slices.Clone(s.unread)
}

// lookForLeaves lists what the payload of m holds that d's profile does not
// know, every now and then and up to d's bound.
func (c *Client) lookForLeaves(d *device, m *message) {
	if d.Unread == 0 || len(d.leaves) >= d.Unread || m.at.Sub(d.looked) < leafPeriod {
		return
	}
	d.looked = m.at
	if d.leaves == nil {
		d.leaves = make(map[string]bool)
	}
	walkLeaves(gjson.ParseBytes(m.payload), "", func(path string, value gjson.Result) bool {
		compiled, err := compilePath(path)
		if err != nil || d.leaves[path] || slices.Contains(d.decoder.paths, compiled) || d.stamp != nil && d.stamp.path == compiled {
			return true
		}
		d.leaves[path] = true
		u := Unread{Device: cmp.Or(d.Name, d.Topic), Path: path, Example: value.Raw[:min(len(value.Raw), exampleLength)]}
		c.strangers.mu.Lock()
		c.strangers.unread = append(c.strangers.unread, u)
		c.strangers.mu.Unlock()
		return len(d.leaves) < d.Unread
	})
}

// walkLeaves gives found every value of valid JSON that is no object or array,
// with its path, until found returns false. Keys that a path cannot name are
// passed over.
func walkLeaves(node gjson.Result, path string, found func(string, gjson.Result) bool) (more bool) {
	if !node.IsObject() && !node.IsArray() {
		return found(cmp.Or(path, "."), node)
	}
	more = true
	index := 0
	node.ForEach(func(key, value gjson.Result) bool {
		name := key.Str
		if node.IsArray() {
			name = strconv.Itoa(index)
			index++
		}
		if name == "" || strings.ContainsAny(name, ".[]") {
			return true
		}
		if path != "" {
			name = path + "." + name
		}
		more = walkLeaves(value, name, found)
		return more
	})
	return more
}
