package notify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
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
)

// box is an outbox in memory that can fail.
type box struct {
	mu      sync.Mutex
	waiting []notify.Notice
	settled []notify.Outcome
	fail    error // of Settle
	blind   error // of Due
}

func (b *box) add(notices ...notify.Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, notices...)
}

func (b *box) breaks(settle, due error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail, b.blind = settle, due
}

func (b *box) Due(_ context.Context, receiver string, now gateway.Instant, limit int) (due []notify.Notice, next gateway.Instant, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := map[alerts.ID]bool{}
	for _, n := range b.waiting {
		switch {
		case n.Receiver != receiver || held[n.Alert] || len(due) == limit:
		case n.Due > now:
			held[n.Alert] = true
			if next == 0 || n.Due < next {
				next = n.Due
			}
		default:
			due = append(due, n)
		}
	}
	return due, next, b.blind
}

func (b *box) Settle(_ context.Context, o notify.Outcome) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	i := slices.IndexFunc(b.waiting, func(n notify.Notice) bool { return n.Key == o.Key })
	if i < 0 {
		return nil
	}
	if o.Err != "" && !o.Next.IsZero() {
		b.waiting[i].Attempts++
		b.waiting[i].Due = o.Next
		return nil
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.settled = append(b.settled, o)
	return nil
}

// left returns the keys that wait, and those that were given up.
func (b *box) left() (waiting, dead []string) {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.waiting {
		waiting = append(waiting, n.Key)
	}
	for _, o := range b.settled {
		if o.Err != "" {
			dead = append(dead, o.Key)
		}
	}
	return waiting, dead
}

// desk is a receiver that does what the test says.
type desk struct {
	mu     sync.Mutex
	answer func(ctx context.Context, n notify.Notice) error // nil takes all
	start  time.Time
	tried  []string // key@time since start
	times  []time.Duration
}

func (d *desk) Notify(ctx context.Context, n notify.Notice) error {
	d.mu.Lock()
	at := time.Since(d.start)
	d.tried = append(d.tried, fmt.Sprintf("%s@%v", n.Key, at.Round(time.Second)))
	d.times = append(d.times, at)
	answer := d.answer
	d.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(ctx, n)
}

func (d *desk) does(answer func(ctx context.Context, n notify.Notice) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = answer
}

func (d *desk) attempts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.tried)
}

// moments returns when each attempt was made.
func (d *desk) moments() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.times)
}

// keys returns what was tried, in order, without the times.
func (d *desk) keys() (keys string) {
	for _, a := range d.attempts() {
		key, _, _ := strings.Cut(a, "@")
		keys += key + " "
	}
	return strings.TrimSpace(keys)
}

func now() gateway.Instant { return gateway.InstantOf(time.Now()) }

func notice(receiver, key string, alert alerts.ID) notify.Notice {
	return notify.Notice{Key: key, Receiver: receiver, Alert: alert, Made: now()}
}

var errDown = errors.New("connection refused")

func down(context.Context, notify.Notice) error { return errDown }

// bubble runs f with an outbox and a receiver whose sender runs until stop.
func bubble(t *testing.T, f func(b *box, d *desk, s *notify.Sender, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, d := &box{}, &desk{start: time.Now()}
		s := notify.NewSender("desk", d, b, slog.New(slog.DiscardHandler))
		stop := run(t, s)
		f(b, d, s, stop)
		stop()
	})
}

// run starts a sender; the function it returns stops it and waits.
func run(t *testing.T, s *notify.Sender) func() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

func TestFailsTwiceThenDeliveredOnce(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		failing := 2
		d.does(func(context.Context, notify.Notice) error {
			if failing--; failing >= 0 {
				return errDown
			}
			return nil
		})
		b.add(notice("desk", "a", 1))
		s.Wake()
		synctest.Wait()
		if st := s.Stats(); st != (notify.SenderStats{Failed: 1, Failing: true}) {
			t.Errorf("after the first attempt: %+v", st)
		}
		time.Sleep(time.Hour)
		if diff := cmp.Diff("a a a", d.keys()); diff != "" {
			t.Errorf("attempts (-want +got)\n%s", diff)
		}
		times := d.moments()
		first, second := times[1]-times[0], times[2]-times[1]
		if first < time.Second || first > 1400*time.Millisecond || second < 2*time.Second || second > 2700*time.Millisecond {
			t.Errorf("waited %v and %v", first, second)
		}
		if st := s.Stats(); st != (notify.SenderStats{Sent: 1, Failed: 2}) {
			t.Errorf("at the end: %+v", st)
		}
	})
}

func TestWakeSendsAtOnceAndALostWakeOnlyDelays(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		synctest.Wait()
		b.add(notice("desk", "a", 1))
		s.Wake()
		s.Wake()
		s.Wake()
		synctest.Wait()
		if got := d.attempts(); !slices.Equal(got, []string{"a@0s"}) {
			t.Errorf("tried %v", got)
		}
		b.add(notice("desk", "b", 1))
		time.Sleep(2 * time.Minute)
		if got := d.keys(); got != "a b" {
			t.Errorf("tried %v: nobody woke it for b, yet it must go", got)
		}
	})
}

func TestAWaitGrowsToFiveMinutesAndNoFurther(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		d.does(down)
		b.add(notice("desk", "a", 1))
		s.Wake()
		time.Sleep(3 * time.Hour)
		var longest time.Duration
		times := d.moments()
		for i := 1; i < len(times); i++ {
			wait := times[i] - times[i-1]
			if base := min(time.Second<<min(i-1, 20), 4*time.Minute); wait < base || wait > base*5/4+time.Second {
				t.Errorf("wait %d was %v", i, wait)
			}
			longest = max(longest, wait)
		}
		if longest < 4*time.Minute || longest > 5*time.Minute+time.Second || len(times) < 36 {
			t.Errorf("%d attempts, longest wait %v", len(times), longest)
		}
	})
}

func TestALaterEventOfAnAlertWaitsForTheEarlierOthersDoNot(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		d.does(func(_ context.Context, n notify.Notice) error {
			if n.Key == "1.raised" {
				return errDown
			}
			return nil
		})
		b.add(notice("desk", "1.raised", 1), notice("desk", "1.level", 1), notice("desk", "2.raised", 2), notice("desk", "1.returned", 1))
		s.Wake()
		time.Sleep(10 * time.Minute)
		if got := d.keys(); strings.Contains(got, "1.level") || strings.Contains(got, "1.returned") || !strings.Contains(got, "2.raised") {
			t.Errorf("tried %s", got)
		}
		d.does(nil)
		time.Sleep(10 * time.Minute)
		if got := d.keys(); !strings.HasSuffix(got, "1.raised 1.level 1.returned") {
			t.Errorf("tried %s", got)
		}
	})
}

func TestRestartBetweenSendingAndNotingSendsTheSameKeyAgain(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, stop func()) {
		b.breaks(errors.New("the power is gone"), nil)
		b.add(notice("desk", "a", 1))
		s.Wake()
		synctest.Wait()
		stop()
		b.breaks(nil, nil)
		next := notify.NewSender("desk", d, b, slog.New(slog.DiscardHandler))
		stopNext := run(t, next)
		time.Sleep(time.Second)
		stopNext()
		if got := d.attempts(); !slices.Equal(got, []string{"a@0s", "a@0s"}) {
			t.Errorf("tried %v", got)
		}
		if waiting, _ := b.left(); len(waiting) != 0 {
			t.Errorf("still waiting: %v", waiting)
		}
	})
}

func TestADiskThatCannotNoteDoesNotRepeatMessages(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		b.breaks(errors.New("disk full"), nil)
		b.add(notice("desk", "a", 1), notice("desk", "b", 2))
		s.Wake()
		time.Sleep(time.Hour)
		b.add(notice("desk", "c", 3))
		s.Wake()
		synctest.Wait()
		if got := d.keys(); got != "a b c" {
			t.Errorf("tried %s: each once, and c although a and b are not noted", got)
		}
		b.breaks(nil, nil)
		time.Sleep(time.Minute)
		if waiting, dead := b.left(); len(waiting) != 0 || len(dead) != 0 {
			t.Errorf("waiting %v, dead %v", waiting, dead)
		}
		if got := d.keys(); got != "a b c" {
			t.Errorf("tried %s", got)
		}
	})
}

func TestAFailingOutboxIsAskedAgain(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		b.breaks(nil, errors.New("disk I/O error"))
		b.add(notice("desk", "a", 1))
		s.Wake()
		time.Sleep(time.Minute)
		if got := d.keys(); got != "" {
			t.Errorf("tried %s", got)
		}
		b.breaks(nil, nil)
		time.Sleep(2 * time.Second)
		if got := d.keys(); got != "a" {
			t.Errorf("tried %q", got)
		}
	})
}

func TestAHangingReceiverDelaysNobodyElse(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		hang := &desk{start: time.Now(), answer: func(ctx context.Context, _ notify.Notice) error {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			<-ctx.Done()
			return ctx.Err()
		}}
		other := notify.NewSender("boss", hang, b, slog.New(slog.DiscardHandler))
		defer run(t, other)()
		for i := range 1000 {
			b.add(notice("boss", fmt.Sprint("x", i), alerts.ID(i)))
		}
		other.Wake()
		for range 60 {
			b.add(notice("desk", fmt.Sprint("k", now()), 1))
			s.Wake()
			synctest.Wait()
			time.Sleep(time.Second)
		}
		for i, at := range d.moments() {
			if at != time.Duration(i)*time.Second {
				t.Errorf("notice %d was sent after %v", i, at)
			}
		}
		if st := s.Stats(); st.Sent != 60 || st.Failed != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// A queue of notices for a receiver that hangs costs one time limit after the
// other. When it is back it must not take long until it is noticed, and then
// all go out.
func TestAReceiverThatComesBackGetsItsQueueSoon(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		d.does(down)
		for i := range 500 {
			b.add(notice("desk", fmt.Sprint(i), alerts.ID(i)))
		}
		s.Wake()
		time.Sleep(time.Hour)
		if n := len(d.attempts()); n > 200 {
			t.Errorf("%d attempts within an hour at a receiver that is down", n)
		}
		d.does(nil)
		time.Sleep(40 * time.Second)
		b.add(notice("desk", "urgent", 1000))
		s.Wake()
		synctest.Wait()
		if got := d.keys(); !strings.HasSuffix(got, " urgent") {
			t.Error("a new notice waits although the receiver is back")
		}
		time.Sleep(6 * time.Minute) // the waits that had begun
		if waiting, _ := b.left(); len(waiting) != 0 {
			t.Errorf("%d still wait", len(waiting))
		}
	})
}

func TestAReceiverThatAsksForPatienceIsLeftAlone(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		d.does(func(context.Context, notify.Notice) error {
			return &notify.Refusal{Status: 429, After: 10 * time.Minute}
		})
		b.add(notice("desk", "a", 1))
		s.Wake()
		synctest.Wait()
		d.does(nil)
		for i := range 9 {
			time.Sleep(time.Minute)
			b.add(notice("desk", fmt.Sprint("b", i), 2))
			s.Wake()
		}
		synctest.Wait()
		if got := d.attempts(); !slices.Equal(got, []string{"a@0s"}) {
			t.Errorf("tried %v: the robot would stay muted", got)
		}
		time.Sleep(2 * time.Minute)
		got := d.attempts()
		if early := func(a string) bool { return !strings.HasSuffix(a, "@10m0s") }; len(got) != 11 || slices.ContainsFunc(got[1:], early) {
			t.Errorf("tried %v, want each of the ten after ten minutes", got)
		}
	})
}

func TestANoticeIsGivenUpAfterADay(t *testing.T) {
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		b, d := &box{}, &desk{start: time.Now(), answer: down}
		s := notify.NewSender("desk", d, b, slog.New(slog.NewTextHandler(&log, nil)))
		stop := run(t, s)
		for i := range 300 {
			b.add(notice("desk", fmt.Sprint("old", i), alerts.ID(i)))
		}
		b.add(notice("desk", "old0 again", 0))
		s.Wake()
		time.Sleep(12 * time.Hour)
		b.add(notice("desk", "young", 1000))
		s.Wake()
		time.Sleep(12*time.Hour - time.Minute)
		if waiting, _ := b.left(); len(waiting) != 302 {
			t.Errorf("%d wait before the day is over", len(waiting))
		}
		time.Sleep(10 * time.Minute)
		waiting, dead := b.left()
		if !slices.Equal(waiting, []string{"young"}) || len(dead) != 301 || s.Stats().Dead != 301 {
			t.Errorf("waiting %v, %d dead, %+v", waiting, len(dead), s.Stats())
		}
		d.does(nil)
		time.Sleep(10 * time.Minute)
		if waiting, _ := b.left(); len(waiting) != 0 || s.Stats().Sent != 1 || s.Stats().Failing {
			t.Errorf("waiting %v, %+v", waiting, s.Stats())
		}
		stop()
	})
	text := log.String()
	if n := strings.Count(text, "notice given up"); n != 301 {
		t.Errorf("%d of 301 dead letters are in the log", n)
	}
	if n := strings.Count(text, "receiver does not take notices"); n != 1 {
		t.Errorf("the failure is in the log %d times", n)
	}
	if !strings.Contains(text, "receiver takes notices again") || !strings.Contains(text, "receiver=desk") {
		t.Error("the log does not say who takes notices again")
	}
}

func TestAClockThatIsSetRightKillsNoNotice(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		failing := 1
		d.does(func(context.Context, notify.Notice) error {
			if failing--; failing >= 0 {
				return errDown
			}
			return nil
		})
		n := notice("desk", "a", 1)
		n.Made = 1000 // in 1970, before the time was known
		b.add(n)
		s.Wake()
		time.Sleep(time.Minute)
		if st := s.Stats(); st.Sent != 1 || st.Dead != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestOneNoticeThatIsAlwaysRefusedDelaysTheOthersLittle(t *testing.T) {
	bubble(t, func(b *box, d *desk, s *notify.Sender, _ func()) {
		d.does(func(_ context.Context, n notify.Notice) error {
			if n.Key == "poison" {
				return &notify.Refusal{Status: 400}
			}
			return nil
		})
		b.add(notice("desk", "poison", 1))
		for i := range 100 {
			b.add(notice("desk", fmt.Sprint(i), 2))
		}
		s.Wake()
		time.Sleep(2 * time.Second)
		if waiting, _ := b.left(); !slices.Equal(waiting, []string{"poison"}) {
			t.Errorf("%d wait", len(waiting))
		}
		time.Sleep(25 * time.Hour)
		if _, dead := b.left(); !slices.Equal(dead, []string{"poison"}) {
			t.Errorf("dead are %v", dead)
		}
	})
}

func TestStoppingFinishesTheAttemptInHand(t *testing.T) {
	for _, tt := range []struct {
		name  string
		takes time.Duration
		want  []string // still waiting
		stop  time.Duration
	}{
		{"one that ends in time is noted", 3 * time.Second, []string{"b"}, 3 * time.Second},
		{"one that hangs is cut off and stays", time.Hour, []string{"a", "b"}, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(b *box, d *desk, s *notify.Sender, stop func()) {
				d.does(func(ctx context.Context, _ notify.Notice) error {
					select {
					case <-time.After(tt.takes):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				b.add(notice("desk", "a", 1), notice("desk", "b", 2))
				s.Wake()
				synctest.Wait()
				began := time.Now()
				stop()
				if took := time.Since(began); took != tt.stop {
					t.Errorf("stopping took %v, want %v", took, tt.stop)
				}
				if waiting, _ := b.left(); !slices.Equal(waiting, tt.want) {
					t.Errorf("waiting are %v, want %v", waiting, tt.want)
				}
				if got := d.keys(); got != "a" {
					t.Errorf("tried %s", got)
				}
				if s.Stats().Failed != 0 {
					t.Error("the end of the gateway was taken for a fault of the receiver")
				}
			})
		})
	}
}

// A mailbox that does not exist is no reason to send the mail for ever, nor to
// say nothing.
func TestWhoIsLeftOutIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b, d := &box{}, &desk{start: time.Now()}
		d.does(func(context.Context, notify.Notice) error {
			return &notify.Caveat{Err: errors.New("nobody@example.com: 550")}
		})
		s := notify.NewSender("desk", d, b, slog.New(slog.NewTextHandler(&log, nil)))
		b.add(notice("desk", "a", 1), notice("desk", "b", 2))
		stop := run(t, s)
		waiting, dead := b.left()
		if st := s.Stats(); len(waiting)+len(dead) > 0 || st != (notify.SenderStats{Sent: 2, Partly: true}) {
			t.Errorf("%v wait, %v given up, %+v", waiting, dead, st)
		}
		d.does(func(context.Context, notify.Notice) error { return nil })
		b.add(notice("desk", "c", 3))
		s.Wake()
		synctest.Wait()
		stop()
		if st := s.Stats(); st != (notify.SenderStats{Sent: 3}) {
			t.Errorf("once all were reached it counts %+v", st)
		}
		if n := strings.Count(log.String(), "receiver takes notices, but something is wrong"); n != 1 || !strings.Contains(log.String(), "nobody@example.com: 550") {
			t.Errorf("said %d times:\n%s", n, log.String())
		}
	})
}
