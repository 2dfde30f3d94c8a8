package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMatches(t *testing.T) {
	tests := []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/c", false},
		{"a/b", "a/b/c", false},
		{"a/b/c", "a/b", false},
		{"a/+/c", "a/b/c", true},
		{"a/+/c", "a//c", true},
		{"a/+", "a", false},
		{"a/+", "a/b/c", false},
		{"+/+", "a/b", true},
		{"a/#", "a", true},
		{"a/#", "a/b/c", true},
		{"a/#", "ab", false},
		{"#", "a/b", true},
		{"#", "$SYS/uptime", false},
		{"+/uptime", "$SYS/uptime", false},
		{"$SYS/#", "$SYS/uptime", true},
		{"a.c/+", "abc/x", false},
		{"a(b)/+", "a(b)/x", true},
		{"a$/+", "a$/x", true},
		{"A/b", "a/b", false},
	}
	for _, tt := range tests {
		if got := matches(tt.filter, tt.topic); got != tt.want {
			t.Errorf("matches(%q, %q) = %t", tt.filter, tt.topic, got)
		}
	}
}

func TestSwitchboard(t *testing.T) {
	listener := func(topic, name string) *device { return &device{Device: Device{Topic: topic, Name: name}} }
	one, two := listener("site/leak/{device}/state", "k.1"), listener("site/leak/{device}/state", "k(2)")
	box := listener("box-{device}/#", "7")
	all := listener("site/leak/+/state", "")
	s, err := newSwitchboard([]*device{one, two, box, all})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"site/leak/+/state", "+/#"}, s.filters); diff != "" {
		t.Errorf("filters (-want +got):\n%s", diff)
	}
	tests := []struct {
		topic string
		want  []*device
	}{
		{"site/leak/k.1/state", []*device{one, all}},
		{"site/leak/k(2)/state", []*device{two, all}},
		{"site/leak/kx1/state", []*device{all}},
		{"box-7/a/b", []*device{box}},
		{"box-8/a/b", nil},
		{"site/leak/k.1", nil},
	}
	for _, tt := range tests {
		for range 2 { // the second answer comes from memory
			var got []*device
			if f := s.feed([]byte(tt.topic)); f != nil {
				got = f.devices
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s feeds %d devices, want %d", tt.topic, len(got), len(tt.want))
			}
		}
	}
	if got := s.stranger("box-8/a/b"); got != "8" {
		t.Errorf("stranger on box-8/a/b is called %q, want 8", got)
	}
	if got := s.stranger("elsewhere"); got != "elsewhere" {
		t.Errorf("stranger elsewhere is called %q", got)
	}
}

func TestSwitchboardForgetsNothingItMustKeepAndRemembersNoMore(t *testing.T) {
	s, err := newSwitchboard([]*device{{Device: Device{Topic: "all/#"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxFeeds + 50 {
		if s.feed(fmt.Appendf(nil, "all/%d", i)) == nil {
			t.Fatalf("topic %d feeds nobody", i)
		}
	}
	if len(s.feeds) != maxFeeds {
		t.Errorf("%d topics are remembered, want %d", len(s.feeds), maxFeeds)
	}
}

func TestTopicsThatCannotBeSubscribed(t *testing.T) {
	for _, d := range []Device{
		{Topic: ""}, {Topic: "a/#/b"}, {Topic: "a+/b"}, {Topic: "a/b#"}, {Topic: "a\x00"}, {Topic: "$share/g"}, {Topic: "$share//a"}, {Topic: "$share/+/a"}, {Topic: "$share/g/a+"},
		{Topic: "a/{device}"}, {Topic: "a/{device}", Name: "x/y"}, {Topic: "a/{device}", Name: "+"},
		{Topic: strings.Repeat("a", 65536)},
	} {
		if _, _, err := resolveTopic(d.Topic, d.Name); err == nil {
			t.Errorf("topic %.40q with name %q was taken", d.Topic, d.Name)
		}
	}
}

func TestQueue(t *testing.T) {
	flood, quiet, idle := &feed{topic: "flood"}, &feed{topic: "quiet"}, &feed{topic: "idle"}
	say := func(f *feed, text string) *message { return &message{feed: f, payload: []byte(text)} }
	texts := func(messages []*message) string {
		var all []string
		for _, m := range messages {
			all = append(all, string(m.payload))
		}
		return strings.Join(all, " ")
	}
	q := &queue{maxCount: 4, maxBytes: 4*overhead + 100}
	push := func(m *message, want string) {
		t.Helper()
		if got := texts(q.push(m)); got != want {
			t.Errorf("%s pushes out %q, want %q", m.payload, got, want)
		}
	}
	push(say(quiet, "q1"), "")
	push(say(flood, "f1"), "")
	push(say(flood, "f2"), "")
	push(say(flood, "f3"), "")
	push(say(flood, "f4"), "f1") // a flood costs its own topic
	push(say(idle, "i1"), "f2")  // and so does somebody new
	push(say(quiet, "q2"), "q1") // who is in already takes its own place
	if got := texts(q.take(nil, 3)); got != "f3 f4 i1" {
		t.Errorf("took %q", got)
	}
	if got := texts(q.take(nil, 9)); got != "q2" || q.len() != 0 || q.bytes != 0 {
		t.Errorf("took %q, %d messages and %d bytes left", got, q.len(), q.bytes)
	}
	for _, f := range []*feed{flood, quiet, idle} {
		if f.queued != 0 || f.oldest != nil || f.newest != nil {
			t.Errorf("feed %s is not empty: %+v", f.topic, f)
		}
	}
	big := strings.Repeat("x", 2*overhead)
	push(say(quiet, "q3"), "")
	push(say(idle, "i2"), "")
	push(say(flood, "f5"), "")
	push(say(flood, big), "f5 q3") // bytes count as well: its own first, then the oldest
	if q.bytes > q.maxBytes {
		t.Errorf("queue holds %d bytes, over its limit of %d", q.bytes, q.maxBytes)
	}
}

// packet returns a PUBLISH packet of the given quality with a body of n bytes.
func packet(topic string, qos byte, id uint16, n int) []byte {
	body := append([]byte{byte(len(topic) >> 8), byte(len(topic))}, topic...)
	if qos > 0 {
		body = append(body, byte(id>>8), byte(id))
	}
	body = append(body, bytes.Repeat([]byte{'x'}, n)...)
	head := []byte{publishType<<4 | qos<<1}
	for size := len(body); ; {
		b := byte(size & 0x7f)
		if size >>= 7; size == 0 {
			return append(append(head, b), body...)
		}
		head = append(head, b|0x80)
	}
}

func TestGuardTakesMessagesOutAndRefusesLargeOnes(t *testing.T) {
	suback, ping := []byte{0x90, 3, 0, 1, 1}, []byte{0xd0, 0}
	retained := packet("a/b", 1, 7, 3)
	retained[0] |= 1 | 8
	wire := slices.Concat(suback, packet("a/b", 0, 0, 100), packet("big/q1", 1, 0x1234, 5000), ping,
		packet("big/q0", 0, 0, 70_000), retained, packet("odd/q2", 2, 9, 0), ping)
	for _, chunk := range []int{1, 7, 100_000} {
		near, far := net.Pipe()
		go func() {
			for part := range slices.Chunk(wire, chunk) {
				far.Write(part)
			}
			far.Close()
		}()
		var got []string
		conn := &tapped{Conn: near}
		var owed []receipt
		signalled := true
		g := newGuard(conn, 1000, func(p publication) {
			got = append(got, fmt.Sprintf("%s %d id=%x kind=%d retained=%t again=%t oversize=%t",
				p.topic, len(p.payload), p.receipt.id, p.receipt.kind, p.retained, p.again, p.oversize))
			owed = append(owed, p.receipt)
			signalled = false
		}, func() { signalled = true })
		passed, err := io.ReadAll(g)
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Concat(suback, ping, ping); !bytes.Equal(passed, want) {
			t.Errorf("% x came through in pieces of %d, want % x", passed, chunk, want)
		}
		want := []string{
			"a/b 100 id=0 kind=0 retained=false again=false oversize=false",
			"big/q1 0 id=1234 kind=4 retained=false again=false oversize=true",
			"big/q0 0 id=0 kind=0 retained=false again=false oversize=true",
			"a/b 3 id=7 kind=4 retained=true again=true oversize=false",
			"odd/q2 0 id=9 kind=5 retained=false again=false oversize=false",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages in pieces of %d (-want +got):\n%s", chunk, diff)
		}
		if !signalled {
			t.Error("the guard waits for the network, and nobody was told of what has come")
		}
		owed = slices.DeleteFunc(owed, func(r receipt) bool { return r.kind == 0 })
		if err := g.acknowledge(append(owed, receipt{guard: &guard{}, id: 1, kind: 4})); err != nil {
			t.Fatal(err)
		}
		if want := []byte{0x40, 2, 0x12, 0x34, 0x40, 2, 0, 7, 0x50, 2, 0, 9}; !bytes.Equal(conn.sent, want) {
			t.Errorf("sent % x, want the acknowledgements % x", conn.sent, want)
		}
	}
}

// tapped keeps what is written instead of sending it.
type tapped struct {
	net.Conn
	sent []byte
}

func (c *tapped) Write(p []byte) (int, error) {
	c.sent = append(c.sent, p...)
	return len(p), nil
}

func (c *tapped) SetWriteDeadline(time.Time) error { return nil }

func TestGuardGivesUpOnNonsense(t *testing.T) {
	tests := []struct {
		name string
		wire []byte
	}{
		{"a length over four bytes", []byte{0x30, 0xff, 0xff, 0xff, 0xff, 1}},
		{"a large packet that is no message", []byte{0x90, 0xff, 0xff, 0x7f}},
		{"a topic longer than its message", []byte{0x30, 0x08, 0xff, 0xff}},
		{"a large message that is cut off", append([]byte{0x32, 0xe9, 0x07, 0x03, 0xe8}, make([]byte, 995)...)},
		{"a message too short for a topic", []byte{0x30, 0x01, 0x00}},
		{"a message too short for its identifier", []byte{0x32, 0x04, 0x00, 0x01, 'a', 0x00}},
		{"a quality that does not exist", []byte{0x36, 0x05, 0x00, 0x01, 'a', 0x00, 0x01}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			near, far := net.Pipe()
			go func() { far.Write(tt.wire); far.Write(make([]byte, 70_000)) }()
			defer near.Close()
			defer far.Close()
			g := newGuard(near, 1000, func(publication) {}, func() {})
			if n, err := g.Read(make([]byte, 10)); err == nil || errors.Is(err, io.EOF) || n != 0 {
				t.Errorf("read %d bytes and error %v, want a refusal", n, err)
			}
		})
	}
}

// canned is a connection that delivers given bytes and takes everything.
type canned struct {
	net.Conn
	in bytes.Reader
}

func (c *canned) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *canned) Write(p []byte) (int, error)      { return len(p), nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

func FuzzGuard(f *testing.F) {
	f.Add(slices.Concat(packet("a/b", 0, 0, 10), packet("big", 1, 7, 300), []byte{0xd0, 0}))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0x32, 0xe9, 0x07, 0xff, 0xff})
	const limit = 64
	f.Fuzz(func(t *testing.T, wire []byte) {
		conn := &canned{}
		conn.in.Reset(wire)
		passed, _ := io.ReadAll(newGuard(conn, limit, func(p publication) {
			if len(p.topic)+len(p.payload) > limit && !p.oversize || p.oversize && len(p.payload) > 0 {
				t.Errorf("a message of %d bytes was taken", p.size)
			}
		}, func() {}))
		// Whatever came through must be packets within the limit, the last of
		// which may be cut off.
		for len(passed) > 1 {
			size, head := 0, 1
			for more := true; more && head < len(passed); head++ {
				size |= int(passed[head]&0x7f) << (7 * (head - 1))
				more = passed[head] >= 0x80
			}
			if size > limit || passed[0]>>4 == publishType {
				t.Fatalf("a packet of type %d and %d bytes came through", passed[0]>>4, size)
			}
			passed = passed[min(len(passed), head+size):]
		}
	})
}
