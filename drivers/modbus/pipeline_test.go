package modbus_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// answerTime is what a crowd device takes for whatever has come together.
const answerTime = 5 * time.Millisecond

// batch is the requests that a device has found waiting, in the form of the
// answers it is to give.
type batch struct {
	requests, replies [][]byte
	conn              net.Conn
	random            *rand.Rand
}

// crowd is a Modbus server that takes requests while it works on others. It
// answers all that has come together at once, as disturb has left it.
type crowd struct {
	device
	disturb func(b *batch) bool // false to hang up; nil answers well
	seed    uint64
	most    int // requests that have come together
}

func newCrowd(seed uint64) *crowd {
	return &crowd{device: device{start: time.Now()}, seed: seed}
}

func (d *crowd) dial(context.Context, string, string) (net.Conn, error) {
	d.mu.Lock()
	d.dials++
	random := rand.New(rand.NewPCG(d.seed, uint64(d.dials)))
	d.mu.Unlock()
	ours, theirs := net.Pipe()
	requests := make(chan []byte, 64)
	d.serving.Go(func() {
		defer close(requests)
		for {
			request := make([]byte, 12)
			if _, err := io.ReadFull(theirs, request); err != nil {
				return
			}
			requests <- request
		}
	})
	d.serving.Go(func() {
		defer theirs.Close()
		for request := range requests {
			time.Sleep(answerTime)
			b := &batch{requests: [][]byte{request}, conn: theirs, random: random}
			for len(requests) > 0 {
				b.requests = append(b.requests, <-requests)
			}
			if !d.answerAll(b) {
				return
			}
		}
	})
	return ours, nil
}

func (d *crowd) answerAll(b *batch) bool {
	d.mu.Lock()
	d.most = max(d.most, len(b.requests))
	for _, request := range b.requests {
		b.replies = append(b.replies, d.reply(request))
	}
	d.requests = append(d.requests, b.requests...)
	disturb := d.disturb
	d.mu.Unlock()
	if disturb != nil && !disturb(b) {
		return false
	}
	return write(b.conn, b.replies...)
}

// run runs a bus on the device until the returned function is called.
func (d *crowd) run(t *testing.T, c modbus.Config) (*modbus.Bus, *record, func()) {
	t.Helper()
	c.ID, c.Address, c.Link = "b1", "device:502", lineLink
	bus, err := modbus.New(c, modbus.Options{Log: slog.New(slog.DiscardHandler), Dial: d.dial})
	if err != nil {
		t.Fatal(err)
	}
	r := &record{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bus.Run(ctx, r.emit) }()
	return bus, r, func() {
		cancel()
		<-done
		d.serving.Wait()
	}
}

// spans are four blocks of registers, no two of one length; lookAlikes are four of
// which most are as long as another.
var (
	spans      = [][2]int{{100, 103}, {200, 204}, {300, 305}, {clockRegister, clockRegister + 6}}
	lookAlikes = [][2]int{{100, 103}, {200, 203}, {300, 305}, {clockRegister, clockRegister + 3}}
)

// blocks returns devices of one block for each span.
func blocks(period time.Duration, spans [][2]int, units ...byte) (devices []modbus.Device, where map[gateway.PointRef]address) {
	where = make(map[gateway.PointRef]address)
	var next gateway.PointRef
	for _, unit := range units {
		var fields []modbus.Field
		for _, span := range spans {
			fields = append(fields, registers(&next, period, span[0], span[1])...)
		}
		for _, f := range fields {
			where[f.Point] = address{unit, f.Address}
		}
		devices = append(devices, modbus.Device{
			Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: period, Timeout: timeout, Pipeline: 4, Fields: fields,
		})
	}
	return devices, where
}

// address is where a value comes from.
type address struct {
	unit     byte
	register uint16
}

// judge fails if a sample is a wrong or an old value, and returns how many are
// bad of each unit.
func judge(t *testing.T, r *record, start time.Time, where map[gateway.PointRef]address) (bad map[byte]int) {
	t.Helper()
	bad = make(map[byte]int)
	for _, s := range r.samples {
		a, ok := where[s.Point]
		switch {
		case !ok: // a link
		case !s.Quality.HasValue():
			bad[a.unit]++
		case a.register == clockRegister:
			if age := s.At.Time().Sub(start).Seconds() - s.Value; age < 0 || age > 2 {
				t.Fatalf("unit %d answered with a value %v s old", a.unit, age)
			}
		case s.Value != float64(word(a.unit, 3, a.register)):
			t.Fatalf("unit %d register %d is %v, want %d", a.unit, a.register, s.Value, word(a.unit, 3, a.register))
		}
	}
	return bad
}

// TestAPipelineTakesAnswersInAnyOrder also wants the evidence to show each
// request with its own answer, and no moment of the line to count twice.
func TestAPipelineTakesAnswersInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newCrowd(1)
		d.disturb = func(b *batch) bool {
			slices.Reverse(b.replies)
			b.replies = [][]byte{bytes.Join(b.replies, nil)} // in one segment
			return true
		}
		devices, where := blocks(time.Second, spans, 1, 2, 3)
		bus, r, stop := d.run(t, modbus.Config{Devices: devices})
		time.Sleep(100 * time.Second)
		stop()
		if bad := judge(t, r, d.start, where); len(bad) > 0 || len(r.samples) < 99*len(where) {
			t.Errorf("%d samples, of which are bad by unit %v", len(r.samples), bad)
		}
		if d.most != 4 {
			t.Errorf("%d requests came together", d.most)
		}
		s := bus.Stats()
		if s.Stale != 0 || s.Reconnects != 0 {
			t.Errorf("stats are %+v", s)
		}
		// 12 requests take four turns: the first one alone is not sent earlier
		// than its turn, but the window is never empty.
		if busy := s.Busy / 100; busy < 3*answerTime || busy > 12*answerTime/2 {
			t.Errorf("the line is busy for %s in a cycle", busy)
		}
		for _, unit := range []int{1, 2, 3} {
			for _, x := range bus.Exchanges(unit) {
				if len(x.Heard) < 9 || !bytes.Equal(x.Sent[:2], x.Heard[:2]) || int(x.Heard[8]) != 2*int(x.Sent[11]) || x.Took < 0 || x.Took > answerTime {
					t.Errorf("% x was answered with % x in %s", x.Sent, x.Heard, x.Took)
				}
			}
		}
	})
}

// TestAPipelineBlamesTheSickUnitOnly has a gateway leave the requests to one
// unit unanswered.
func TestAPipelineBlamesTheSickUnitOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newCrowd(1)
		d.disturb = func(b *batch) bool {
			b.replies = slices.DeleteFunc(b.replies, func(reply []byte) bool { return reply[6] == 2 })
			return true
		}
		devices, where := blocks(5*time.Second, spans, 1, 2, 3)
		bus, r, stop := d.run(t, modbus.Config{Devices: devices})
		time.Sleep(time.Hour)
		stop()
		if bad := judge(t, r, d.start, where); len(bad) != 1 || bad[2] == 0 {
			t.Errorf("samples are bad by unit: %v", bad)
		}
		s := bus.Stats()
		for i, want := range []int{1, 0, 1} {
			if u := s.Units[i]; len(u.Requests) != 1 || int(u.Requests["good"]) < want*4*719 {
				t.Errorf("unit %d: %v", u.Unit, u.Requests)
			}
		}
		if n := s.Units[1].Requests["timeout"]; n > 3600/25+6 {
			t.Errorf("%d time-outs of the sick unit", n)
		}
		if d.most != 4 {
			t.Errorf("%d requests came together", d.most)
		}
	})
}

// TestADeviceThatForgetsRequestsGetsThemOneByOne takes the first of what has
// come together only.
func TestADeviceThatForgetsRequestsGetsThemOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newCrowd(1)
		d.disturb = func(b *batch) bool {
			b.replies = b.replies[:1]
			return true
		}
		devices, where := blocks(time.Second, spans, 1)
		bus, r, stop := d.run(t, modbus.Config{Devices: devices})
		time.Sleep(10 * time.Minute)
		stop()
		if bad := judge(t, r, d.start, where); bad[1] > 10*6 {
			t.Errorf("%d samples are bad", bad[1])
		}
		// After a minute, two more and four more it is tried again.
		if n := bus.Stats().Units[0].Requests["timeout"]; n < 3 || n > 5 {
			t.Errorf("%d time-outs in 10 minutes", n)
		}
	})
}

// TestALineThatWasIdleKeepsItsPipeline has a converter hang up 3 s after the last
// request, less than the period.
func TestALineThatWasIdleKeepsItsPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newCrowd(1)
		d.disturb = func(b *batch) bool {
			time.AfterFunc(3*time.Second, func() { _ = b.conn.Close() })
			return true
		}
		devices, where := blocks(5*time.Second, spans, 1, 2)
		bus, r, stop := d.run(t, modbus.Config{Devices: devices})
		time.Sleep(10 * time.Minute)
		stop()
		if bad := judge(t, r, d.start, where); len(bad) > 0 {
			t.Errorf("samples are bad by unit: %v", bad)
		}
		if s := bus.Stats(); s.Reconnects < 100 || s.Overruns > 0 || d.most != 4 {
			t.Errorf("%d requests came together, stats are %+v", d.most, s)
		}
	})
}

// TestADeviceThatMixesUpItsIDsIsFoundOut gives everything the id that came last,
// or the ids of each other.
func TestADeviceThatMixesUpItsIDsIsFoundOut(t *testing.T) {
	for name, mix := range map[string]func(replies [][]byte){
		"the last id for all": func(replies [][]byte) {
			for _, reply := range replies {
				copy(reply, replies[len(replies)-1][:2])
			}
		},
		"each other's": func(replies [][]byte) {
			first := bytes.Clone(replies[0][:2])
			for i, next := range replies[1:] {
				copy(replies[i], next[:2])
			}
			copy(replies[len(replies)-1], first)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newCrowd(1)
				d.disturb = func(b *batch) bool {
					mix(b.replies)
					return true
				}
				devices, where := blocks(time.Second, spans, 1)
				bus, r, stop := d.run(t, modbus.Config{Devices: devices})
				time.Sleep(time.Minute)
				stop()
				judge(t, r, d.start, where)
				s := bus.Stats().Units[0].Requests
				if bad := s["frame"] + s["short"]; bad == 0 || bad > 2 || s["good"] < 4*57 {
					t.Errorf("requests ended as %v", s)
				}
			})
		})
	}
}

// TestBlocksThatLookAlikeAreNotOnTheirWayTogether: a device that swaps their ids
// could not be found out.
func TestBlocksThatLookAlikeAreNotOnTheirWayTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newCrowd(1)
		d.disturb = func(b *batch) bool {
			for i, one := range b.replies {
				for _, other := range b.replies[i+1:] {
					if len(one) == len(other) && one[6] == other[6] {
						id := bytes.Clone(one[:2])
						copy(one, other[:2])
						copy(other, id)
					}
				}
			}
			return true
		}
		devices, where := blocks(time.Second, lookAlikes, 1, 2)
		bus, r, stop := d.run(t, modbus.Config{Devices: devices})
		time.Sleep(time.Minute)
		stop()
		if bad := judge(t, r, d.start, where); len(bad) > 0 {
			t.Errorf("samples are bad by unit: %v", bad)
		}
		if d.most != 4 {
			t.Errorf("%d requests came together, stats %+v", d.most, bus.Stats())
		}
	})
}

// disturbances are what goes wrong with answers that are on their way together.
// The last ones show the line that it cannot have a pipeline.
func disturbances() []func(b *batch) bool {
	pick := func(b *batch) []byte { return b.replies[b.random.IntN(len(b.replies))] }
	shuffle := func(b *batch) bool {
		b.random.Shuffle(len(b.replies), func(i, j int) { b.replies[i], b.replies[j] = b.replies[j], b.replies[i] })
		return true
	}
	return []func(b *batch) bool{
		shuffle,
		func(b *batch) bool { // in pieces
			all := bytes.Join(b.replies, nil)
			b.replies = nil
			for len(all) > 0 {
				n := min(len(all), 1+b.random.IntN(20))
				if !write(b.conn, all[:n]) {
					return false
				}
				all = all[n:]
				time.Sleep(time.Millisecond)
			}
			return true
		},
		func(b *batch) bool { // one twice
			b.replies = append(b.replies, pick(b))
			return shuffle(b)
		},
		func(b *batch) bool { // one late, in front of which others may be asked again
			late := pick(b)
			b.replies = slices.DeleteFunc(b.replies, func(r []byte) bool { return &r[0] == &late[0] })
			if !write(b.conn, b.replies...) {
				return false
			}
			time.Sleep(timeout + 100*time.Millisecond)
			b.replies = [][]byte{late}
			return true
		},
		func(*batch) bool { // all late
			time.Sleep(timeout + 50*time.Millisecond)
			return true
		},
		func(b *batch) bool { // one never
			b.replies = b.replies[1:]
			return true
		},
		func(b *batch) bool { // hang up in the middle
			all := bytes.Join(b.replies, nil)
			write(b.conn, all[:b.random.IntN(len(all))])
			return false
		},
		func(b *batch) bool { // one refused
			i := b.random.IntN(len(b.replies))
			b.replies[i] = exception(b.requests[i], 4)
			return true
		},
		func(b *batch) bool { // one with the id of an earlier request
			reply := pick(b)
			binary.BigEndian.PutUint16(reply, binary.BigEndian.Uint16(reply)-20)
			return shuffle(b)
		},
		func(b *batch) bool { // one with an id that nobody has sent
			pick(b)[0] ^= 0x40
			return shuffle(b)
		},
		func(b *batch) bool { // one of another unit
			pick(b)[6] ^= 0x10
			return shuffle(b)
		},
		func(b *batch) bool { // all with the id that came last
			for _, reply := range b.replies {
				copy(reply, b.requests[len(b.requests)-1][:2])
			}
			return true
		},
		func(b *batch) bool { // one with more than was asked for
			i := b.random.IntN(len(b.replies))
			r := append(b.replies[i], 0, 0)
			r[5], r[8] = r[5]+2, r[8]+2
			b.replies[i] = r
			return shuffle(b)
		},
	}
}

// TestNoWrongValueThroughAPipeline disturbs one in 12 turns until the device has
// been asked 20,000 times; a million times with INTACT_LONG=1.
func TestNoWrongValueThroughAPipeline(t *testing.T) {
	enough := 20_000
	if os.Getenv("INTACT_LONG") != "" {
		enough = 1_000_000
	}
	all := disturbances()
	var together atomic.Int64
	exchanges := 0
	for seed := uint64(1); exchanges < enough && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			d := newCrowd(seed)
			// Two runs of three have nothing that ends the pipeline for good.
			some := all
			if seed%3 > 0 {
				some = all[:9]
			}
			d.disturb = func(b *batch) bool {
				if len(b.requests) > 1 {
					together.Add(1)
				}
				return b.random.IntN(12) > 0 || some[b.random.IntN(len(some))](b)
			}
			devices, where := blocks(2*time.Minute, lookAlikes, 1, 2, 3)
			_, r, stop := d.run(t, modbus.Config{Devices: devices})
			time.Sleep(time.Hour)
			stop()
			judge(t, r, d.start, where)
			_, n := d.counts()
			exchanges += n
		})
	}
	t.Logf("0 wrong in %d exchanges, %d times several together", exchanges, together.Load())
	if together.Load() < int64(enough)/10 {
		t.Errorf("only %d times several requests came together", together.Load())
	}
}

func TestAPipelineIsAsLongAsAllDevicesAllow(t *testing.T) {
	for _, tt := range []struct {
		name          string
		bus           int
		first, second int
		pause         time.Duration
		want          int
	}{
		{"not said", 0, 0, 0, 0, 1},
		{"the least of the devices", 0, 4, 2, 0, 2},
		{"one does not say", 0, 4, 0, 0, 1},
		{"the site knows better", 3, 0, 8, 0, 3},
		{"a pause between requests", 4, 4, 4, time.Millisecond, 1},
		{"not more than any server takes", 99, 0, 0, 0, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newCrowd(1)
				devices, where := blocks(time.Second, spans, 1, 2)
				devices[0].Pipeline, devices[1].Pipeline, devices[1].Pause = tt.first, tt.second, tt.pause
				_, r, stop := d.run(t, modbus.Config{Devices: devices, Pipeline: tt.bus})
				time.Sleep(10 * time.Second)
				stop()
				if judge(t, r, d.start, where); d.most != tt.want {
					t.Errorf("%d requests came together, want %d", d.most, tt.want)
				}
			})
		})
	}
	serial := modbus.Config{Transport: modbus.RTUOverTCP, Address: "host:502", Pipeline: 2}
	if _, err := modbus.New(serial, modbus.Options{}); err == nil {
		t.Error("a pipeline on a serial line was taken")
	}
}

func TestPymodbusWithAPipeline(t *testing.T) {
	port := strconv.Itoa(freePort(t))
	startPymodbus(t, "tcp", port)
	readAll(t, modbus.Config{Address: "127.0.0.1:" + port, Pipeline: 4})
}
