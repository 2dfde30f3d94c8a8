package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// network is HTTP servers that are reached without a socket, by host.
type network map[string]*wire

// wire is a listener whose connections are pipes.
type wire struct {
	accept chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.accept:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error { w.once.Do(func() { close(w.closed) }); return nil }

func (*wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (n network) dial(_ context.Context, _, addr string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(addr)
	w, ok := n[host]
	if !ok {
		return nil, errors.New("no such host")
	}
	ours, theirs := net.Pipe()
	select {
	case w.accept <- theirs:
		return ours, nil
	case <-w.closed:
		return nil, errors.New("connection refused")
	}
}

// serve runs h as host until the function it returns is called.
func (n network) serve(host string, h http.Handler) (stop func()) {
	w := &wire{accept: make(chan net.Conn), closed: make(chan struct{})}
	n[host] = w
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(w) }()
	return func() { server.Close(); <-done }
}

// crowd is a receiver in a bubble: its outbox, its groups and what is logged.
type crowd struct {
	router *notify.Router
	box    *box
	sender *notify.Sender
	groups []*group
	log    *bytes.Buffer

	start, stop func()
}

// gather runs f with a receiver whose pool has one robot for each vendor named.
func gather(t *testing.T, vendors []string, f func(c *crowd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{router: notify.NewRouter(notify.Config{Receivers: receivers("desk")}, site(t)), box: &box{}, log: &bytes.Buffer{}}
		n := network{}
		var pool []notify.Channel
		for i, vendor := range vendors {
			r, g, host := robots[vendor], &group{token: token}, fmt.Sprintf("robot-%d", i)
			defer n.serve(host, r.group(g))()
			c.groups = append(c.groups, g)
			pool = append(pool, r.channel("http://"+host+r.path, ""))
		}
		to, err := notify.OpenReceiver(notify.Receiver{ID: "desk", Pool: pool}, notify.Options{Site: site(t), Dial: n.dial})
		if err != nil {
			t.Fatal(err)
		}
		c.sender = notify.NewSender("desk", to, c.box, slog.New(slog.NewTextHandler(c.log, nil)))
		c.start = func() { c.stop = run(t, c.sender) }
		f(c)
		if c.stop == nil {
			t.Fatal("the receiver was never started")
		}
		c.stop()
	})
}

// say puts an event of an alert into the outbox.
func (c *crowd) say(id alerts.ID, kind alerts.EventKind, s rules.Severity) {
	a := low()
	a.ID, a.Severity, a.Worst = id, s, s
	a.Title = gateway.Text{ZH: fmt.Sprintf("故障%d", id), EN: fmt.Sprintf("Fault %d", id)}
	c.box.mu.Lock()
	at := at(9, 12, 0) + gateway.Instant(len(c.box.waiting)+len(c.box.settled))
	c.box.mu.Unlock()
	n := c.router.Route(nil, alerts.Event{Kind: kind, At: at, Alert: a}, nil)
	n[0].Made = now()
	c.box.add(n...)
}

func (c *crowd) posts(i int) []string {
	synctest.Wait()
	c.groups[i].mu.Lock()
	defer c.groups[i].mu.Unlock()
	return slices.Clone(c.groups[i].posts)
}

func (c *crowd) refused(i int) int {
	c.groups[i].mu.Lock()
	defer c.groups[i].mu.Unlock()
	return c.groups[i].refused
}

// allSettled reports what waits, was given up or was settled twice.
func (c *crowd) allSettled(t *testing.T, want int) {
	t.Helper()
	waiting, dead := c.box.left()
	keys := map[string]bool{}
	for _, o := range c.box.settled {
		keys[o.Key] = true
	}
	if len(waiting) > 0 || len(dead) > 0 || len(keys) != want || len(c.box.settled) != want {
		t.Errorf("%d wait, %d were given up, %d of %d settled (%d keys)", len(waiting), len(dead), len(c.box.settled), want, len(keys))
	}
}

func TestAFloodBecomesOneCardAndWhatIsUrgentGoesFirst(t *testing.T) {
	gather(t, []string{"DingTalk"}, func(c *crowd) {
		for id := range alerts.ID(200) {
			c.say(id+1, alerts.Raised, rules.Warning)
		}
		c.say(901, alerts.Raised, rules.Critical)
		c.say(902, alerts.Raised, rules.LifeSafety)
		c.start()
		posts := c.posts(0)
		if len(posts) != 3 || !strings.Contains(posts[0], "故障902") || !strings.Contains(posts[1], "故障901") {
			t.Fatalf("got %d messages:\n%s", len(posts), strings.Join(posts, "\n\n"))
		}
		for _, want := range []string{"### 【汇总】200条报警（紧急0条），最重：【一般】1号楼泵房 1号生活泵 故障1\n", "200条合并为这一条", "共200条", "故障2：0.31MPa"} {
			if !strings.Contains(posts[2], want) {
				t.Errorf("the digest lacks %q:\n%s", want, posts[2])
			}
		}
		c.allSettled(t, 202)
		if st := c.sender.Stats(); st != (notify.SenderStats{Sent: 202}) {
			t.Errorf("%+v", st)
		}
	})
}

// Events twice a second for longer than a minute: the vendor has nothing to complain about,
// nothing is lost, and what is urgent does not wait.
func TestARobotIsNeverSentMoreThanItTakes(t *testing.T) {
	for vendor := range robots {
		gather(t, []string{vendor}, func(c *crowd) {
			c.start()
			id := alerts.ID(0)
			say := func(s rules.Severity) {
				id++
				c.say(id, alerts.Raised, s)
				c.sender.Wake()
			}
			for range 160 {
				say(rules.Warning)
				time.Sleep(500 * time.Millisecond)
				if id%100 != 50 {
					continue
				}
				say(rules.Critical)
				time.Sleep(time.Second)
				last := fmt.Sprintf("故障%d\n", id)
				if !slices.ContainsFunc(c.posts(0), func(p string) bool { return strings.HasPrefix(p, "### 【紧急】") && strings.Contains(p, last) }) && vendor == "DingTalk" {
					t.Errorf("%s: urgent alert %d was not told within a second", vendor, id)
				}
			}
			time.Sleep(time.Minute)
			c.allSettled(t, int(id))
			if n := c.refused(0); n > 0 {
				t.Errorf("%s refused %d messages", vendor, n)
			}
		})
	}
}

func TestAMutedRobotHandsOverToTheNext(t *testing.T) {
	gather(t, []string{"DingTalk", "WeCom"}, func(c *crowd) {
		c.groups[0].mu.Lock()
		c.groups[0].muteUntil = time.Now().Add(10 * time.Minute) // by somebody else who uses it
		c.groups[0].mu.Unlock()
		c.start()
		c.say(1, alerts.Raised, rules.Critical)
		c.sender.Wake()
		if got := c.posts(1); len(got) != 1 || !strings.Contains(got[0], "故障1") {
			t.Errorf("the second robot has %v", got)
		}
		c.say(2, alerts.Raised, rules.Critical)
		c.sender.Wake()
		if got := c.posts(1); len(got) != 2 || c.refused(0) != 1 {
			t.Errorf("the second robot has %d, the first was asked %d times while it was mute", len(got), c.refused(0))
		}
		if n := strings.Count(c.log.String(), "something is wrong"); n != 1 || !strings.Contains(c.log.String(), "dingtalk (channel 1) of the pool: DingTalk answered with code 130101") {
			t.Errorf("said %d times:\n%s", n, c.log.String())
		}
		time.Sleep(10 * time.Minute)
		c.say(3, alerts.Raised, rules.Critical)
		c.sender.Wake()
		if got := c.posts(0); len(got) != 1 || !strings.Contains(got[0], "故障3") {
			t.Errorf("the first robot has %v", got)
		}
		c.allSettled(t, 3)
	})
}

func TestThePoolTakesAsMuchAsAllItsRobots(t *testing.T) {
	gather(t, []string{"DingTalk", "DingTalk", "WeCom"}, func(c *crowd) {
		for id := range alerts.ID(36) { // 12 for each, and the reserve of none
			c.say(id+1, alerts.Raised, rules.Warning)
		}
		c.start()
		for i := range c.groups {
			if n := len(c.posts(i)); n != 12 {
				t.Errorf("robot %d has %d messages", i, n)
			}
		}
		for id := range alerts.ID(18) {
			c.say(100+id, alerts.Raised, rules.Critical)
		}
		c.sender.Wake()
		for i := range c.groups {
			if n := len(c.posts(i)); n != 18 || c.refused(i) > 0 {
				t.Errorf("robot %d has %d messages", i, n)
			}
		}
		c.allSettled(t, 54)
	})
}

// All that waited for a robot that was mute comes as one card; what came and
// went meanwhile is told as it is now.
func TestWhatWaitsForAMutedRobotIsOneCard(t *testing.T) {
	gather(t, []string{"DingTalk"}, func(c *crowd) {
		c.groups[0].mu.Lock()
		c.groups[0].muteUntil = time.Now().Add(9 * time.Minute)
		c.groups[0].mu.Unlock()
		c.start()
		c.say(1, alerts.Raised, rules.Warning)
		c.sender.Wake()
		for id := range alerts.ID(20) {
			c.say(10+id, alerts.Raised, rules.Warning)
			c.say(10+id, alerts.Returned, rules.Warning)
			c.sender.Wake()
			time.Sleep(20 * time.Second)
		}
		if n := c.refused(0); n != 1 {
			t.Errorf("a mute robot was pressed %d times", n)
		}
		time.Sleep(time.Hour)
		posts := c.posts(0)
		if len(posts) != 2 || !strings.Contains(posts[0], "40条合并为这一条") || !strings.Contains(posts[0], "【恢复】1号楼泵房 1号生活泵 故障10：已恢复正常") || !strings.Contains(posts[1], "故障1\n") {
			t.Errorf("got %d messages:\n%s", len(posts), strings.Join(posts, "\n\n"))
		}
		c.allSettled(t, 41)
	})
}

// In every way through the lanes the events of one alert keep their order.
func TestTheEventsOfAnAlertKeepTheirOrder(t *testing.T) {
	gather(t, []string{"DingTalk"}, func(c *crowd) {
		c.say(7, alerts.Raised, rules.Warning)
		for id := range alerts.ID(50) {
			c.say(100+id, alerts.Raised, rules.Warning)
		}
		c.say(7, alerts.LevelChanged, rules.Critical)
		c.say(7, alerts.Returned, rules.Critical)
		c.start()
		posts := c.posts(0)
		if len(posts) != 3 || !strings.Contains(posts[0], "【一般】1号楼泵房 1号生活泵 故障7") || !strings.Contains(posts[1], "级别变更") || !strings.Contains(posts[2], "51条合并为这一条") {
			t.Errorf("got\n%s", strings.Join(posts, "\n\n"))
		}
		c.allSettled(t, 53)
	})
}

// picky is a receiver for people that does what the test says.
type picky struct {
	desk
	room    int
	digests [][]string
	digest  func([]notify.Notice) error
}

func (p *picky) Room(bool) (int, time.Duration) { return p.room, time.Second }

func (p *picky) Digest(_ context.Context, notices []notify.Notice) error {
	var keys []string
	for _, n := range notices {
		keys = append(keys, n.Key)
	}
	p.digests = append(p.digests, keys)
	if p.digest == nil {
		return nil
	}
	return p.digest(notices)
}

func pickyBubble(t *testing.T, f func(b *box, p *picky, start func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, p := &box{}, &picky{desk: desk{start: time.Now()}, room: 2}
		s := notify.NewSender("desk", p, b, slog.New(slog.DiscardHandler))
		b.add(notice("desk", "a", 1), notice("desk", "b", 2), notice("desk", "c", 3))
		stop := func() {}
		f(b, p, func() { stop = run(t, s) })
		stop()
	})
}

// A vendor that dislikes a word in a digest must not keep everything back.
func TestADigestThatIsRefusedIsToldSingly(t *testing.T) {
	pickyBubble(t, func(b *box, p *picky, start func()) {
		p.digest = func([]notify.Notice) error { return &notify.Refusal{Code: 430104, Body: "bad content"} }
		start()
		time.Sleep(time.Minute)
		if waiting, dead := b.left(); len(waiting)+len(dead) > 0 || len(p.digests) != 1 || p.keys() != "a b c" {
			t.Errorf("%v wait, %v given up, digests %v, tried %s", waiting, dead, p.digests, p.keys())
		}
	})
}

func TestADigestThatWasTakenIsNotSentAgainForAFailingDisk(t *testing.T) {
	pickyBubble(t, func(b *box, p *picky, start func()) {
		b.breaks(errors.New("disk full"), nil)
		start()
		time.Sleep(time.Minute)
		b.breaks(nil, nil)
		time.Sleep(time.Minute)
		if waiting, _ := b.left(); len(waiting) > 0 || len(p.digests) != 1 {
			t.Errorf("%v wait, digests %v", waiting, p.digests)
		}
	})
}

func TestADigestNobodyTakesIsGivenUpAfterADay(t *testing.T) {
	pickyBubble(t, func(b *box, p *picky, start func()) {
		p.room = 1
		p.digest = func([]notify.Notice) error { return errDown }
		p.does(down)
		start()
		time.Sleep(25 * time.Hour)
		if waiting, dead := b.left(); len(waiting) > 0 || len(dead) != 3 {
			t.Errorf("%v wait, %v given up", waiting, dead)
		}
	})
}

func TestADigestInBothLanguages(t *testing.T) {
	var notices []notify.Notice
	add := func(id alerts.ID, kind alerts.EventKind, s rules.Severity, minute int) {
		a := low()
		a.ID, a.Severity, a.Worst = id, s, s
		if kind == alerts.Returned {
			a.Phase, a.Value, a.Cleared = rules.Normal, 0.45, at(9, minute, 0)
		}
		notices = append(notices, noticeOf(t, alerts.Event{Kind: kind, At: at(9, minute, 0), Alert: a}, nil))
	}
	add(1, alerts.Raised, rules.Warning, 12)
	add(2, alerts.Raised, rules.Critical, 13)
	add(1, alerts.Returned, rules.Warning, 20)
	add(3, alerts.Raised, rules.LifeSafety, 21)
	for language, want := range map[gateway.Language][]string{
		gateway.Chinese: {"【汇总】3条报警（紧急2条），最重：【紧急】1号楼泵房 1号生活泵 出水压力低",
			"消息太多，4条合并为这一条。\n【紧急】1号楼泵房 1号生活泵 出水压力低：0.31MPa（下限0.40MPa），已持续11分钟 · 09:21\n【紧急】1号楼泵房 1号生活泵 出水压力低：0.31MPa（下限0.40MPa），已持续3分钟 · 09:13\n【恢复】1号楼泵房 1号生活泵 出水压力低：已恢复正常，现0.45MPa，最差0.28MPa，持续故障10分钟 · 09:20\n湖畔花园 · 2026-03-10 09:21:00"},
		gateway.English: {"[Digest] alerts: 3 (urgent: 2), the worst: [URGENT] Building 1 泵房 Pump 1 Outlet pressure low",
			"So many at once that 4 messages became this one.\n[URGENT] Building 1 泵房 Pump 1 Outlet pressure low: 0.31 MPa (lower limit 0.40 MPa), for 11 min · 09:21\n[URGENT] Building 1 泵房 Pump 1 Outlet pressure low: 0.31 MPa (lower limit 0.40 MPa), for 3 min · 09:13\n[Returned] Building 1 泵房 Pump 1 Outlet pressure low: back to normal, now 0.45 MPa, at worst 0.28 MPa, the fault lasted 10 min · 09:20\nLakeside Garden · 2026-03-10 09:21:00"},
	} {
		r, g := robots["Feishu"], &group{token: token}
		to := open(t, notify.Receiver{Language: language, Channel: r.channel(serve(t, r.group(g).ServeHTTP)+r.path, "")})
		if err := to.(notify.Digester).Digest(t.Context(), notices); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, []string{g.titles[0], g.posts[0]}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", language, diff)
		}
		if !json.Valid([]byte(g.raw[0])) || !strings.Contains(g.raw[0], `"template":"red"`) {
			t.Errorf("%s: %s", language, g.raw[0])
		}
	}
}

// However much a digest stands for, every vendor takes it.
func TestTheLongestDigestFits(t *testing.T) {
	var notices []notify.Notice
	for id := range alerts.ID(200) {
		a := low()
		a.ID, a.Title = id, gateway.Text{ZH: strings.Repeat("出水<压力>低*", 20)}
		notices = append(notices, noticeOf(t, alerts.Event{Kind: alerts.Raised, At: at(9, 12, 0), Alert: a}, nil))
	}
	for vendor, r := range robots {
		g := &group{token: token}
		to := open(t, notify.Receiver{Channel: r.channel(serve(t, r.group(g).ServeHTTP)+r.path, "")})
		if err := to.(notify.Digester).Digest(t.Context(), notices); err != nil || !strings.Contains(g.posts[0], "200条合并为这一条") {
			t.Errorf("%s: %v", vendor, err)
		}
	}
}

// A notice that an older gateway has written and this one cannot read must not
// keep the others of a digest waiting for a day.
func TestANoticeThatCannotBeReadKeepsNothingBack(t *testing.T) {
	gather(t, []string{"DingTalk"}, func(c *crowd) {
		bad := notice("desk", "bad", 900)
		bad.Body = []byte("{")
		c.box.add(bad)
		for id := range alerts.ID(30) {
			c.say(id+1, alerts.Raised, rules.Warning)
		}
		c.start()
		time.Sleep(5 * time.Minute)
		if waiting, dead := c.box.left(); !slices.Equal(waiting, []string{"bad"}) || len(dead) > 0 {
			t.Errorf("%d wait, %v given up", len(waiting), dead)
		}
		time.Sleep(25 * time.Hour)
		if waiting, dead := c.box.left(); len(waiting) > 0 || !slices.Equal(dead, []string{"bad"}) {
			t.Errorf("%v wait, %v given up", waiting, dead)
		}
	})
}
