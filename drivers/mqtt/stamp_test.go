package mqtt_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
	simulator "github.com/intact-gateway/intact/simulators/mqtt"
)

// dated is a leak sensor that says when it measured; its battery may be an hour
// old, the leak of any age.
func dated(format string) mqtt.Device {
	d := leakSensor()
	d.Stamp = &mqtt.Stamp{Path: "ts", Format: format, MaxSkew: 5 * time.Minute}
	d.Points[1].MaxAge = time.Hour
	return d
}

func TestTheTimeOfThePayloadDecidesWhatAValueIsWorth(t *testing.T) {
	tests := []struct {
		name     string
		age      time.Duration // of the time it says
		retained bool
		leak     string // may be of any age
		battery  string // may be an hour old
		at       time.Duration
		misdated uint64
		outdated uint64
	}{
		{"fresh", time.Second, false, "good 1", "good 92", time.Second, 0, 0},
		{"as late as a clock may be off", 5 * time.Minute, false, "good 1", "good 92", 5 * time.Minute, 0, 0},
		{"later than that", 6 * time.Minute, false, "uncertain 1", "uncertain 92", 6 * time.Minute, 1, 0},
		{"older than one of its points may be", 61 * time.Minute, false, "uncertain 1", "stale 0", 61 * time.Minute, 1, 1},
		{"a little in the future", -time.Minute, false, "good 1", "good 92", 0, 0, 0},
		{"far in the future", -8 * time.Hour, false, "uncertain 1", "uncertain 92", 0, 1, 0},
		{"kept by the broker for a moment", time.Second, true, "uncertain 1", "uncertain 92", time.Second, 0, 0},
		{"kept by the broker for a day", 24 * time.Hour, true, "uncertain 1", "stale 0", 24 * time.Hour, 1, 1},
	}
	formats := map[string]func(time.Time) string{
		mqtt.Unix:       func(t time.Time) string { return fmt.Sprintf("%.3f", float64(t.UnixMilli())/1000) },
		mqtt.UnixMillis: func(t time.Time) string { return fmt.Sprint(t.UnixMilli()) },
		mqtt.RFC3339: func(t time.Time) string {
			return t.In(time.FixedZone("", 8*3600)).Format(`"2006-01-02T15:04:05.000Z07:00"`)
		},
	}
	for _, tt := range tests {
		for format, write := range formats {
			t.Run(tt.name+" as "+format, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := startBroker(t, simulator.BrokerOptions{})
					payload := func() []byte {
						return fmt.Appendf(nil, `{"leak":true,"battery":92,"ts":%s}`, write(time.Now().Add(-tt.age)))
					}
					if tt.retained {
						if err := b.Publish(leakTopic, payload(), true); err != nil {
							t.Fatal(err)
						}
					}
					l := listen(t, config(dated(format)), b.Dial)
					synctest.Wait()
					if !tt.retained {
						publish(t, b, leakTopic, string(payload()))
					}
					now := gateway.InstantOf(time.Now())
					pass(time.Second)
					l.want(t, "taken", map[gateway.PointRef]string{leak: tt.leak, battery: tt.battery})
					if s := l.Stats(); s.Misdated != tt.misdated || s.Outdated != tt.outdated {
						t.Errorf("stats %+v, want %d misdated and %d outdated", s, tt.misdated, tt.outdated)
					}
					for _, s := range l.samples {
						if s.Point == leak && now.Sub(s.At) != tt.at {
							t.Errorf("the sample is dated %s back, want %s", now.Sub(s.At), tt.at)
						}
					}
				})
			})
		}
	}
}

func TestATimeThatCannotBeReadIsDoubtedAndOneThatIsMissingIsNot(t *testing.T) {
	for payload, want := range map[string]string{
		`{"leak":true}`:                            "good 1",
		`{"leak":true,"ts":null}`:                  "uncertain 1",
		`{"leak":true,"ts":"noon"}`:                "uncertain 1",
		`{"leak":true,"ts":-5}`:                    "uncertain 1",
		`{"leak":true,"ts":1e300}`:                 "uncertain 1",
		`{"leak":true,"ts":{"a":[1]}}`:             "uncertain 1",
		`{"leak":true,"ts":0}`:                     "uncertain 1",
		`{"leak":true,"ts":"946684800123"}`:        "good 1", // the bubble's midnight
		`{"leak":true,"ts":946684800123,"ts":"x"}`: "good 1",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := startBroker(t, simulator.BrokerOptions{})
			l := listen(t, config(dated(mqtt.UnixMillis)), b.Dial)
			pass(time.Second)
			publish(t, b, leakTopic, payload)
			pass(time.Second)
			if got := l.last(leak); got != want {
				t.Errorf("%s gives %s, want %s", payload, got, want)
			}
		})
	}
}

func TestAKeptMessageOfUnknownAgeSaysNothingOfAPointThatAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		if err := b.Publish(leakTopic, []byte(`{"leak":true,"battery":92}`), true); err != nil {
			t.Fatal(err)
		}
		d := leakSensor()
		d.Points[0].MaxAge = time.Hour
		l := listen(t, config(d), b.Dial)
		pass(time.Second)
		l.want(t, "kept", map[gateway.PointRef]string{leak: "stale 0", battery: "uncertain 92"})
	})
}

func TestAKeptMessageDoesNotComeAfterANewerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		say := func(leak int, retained bool) {
			t.Helper()
			payload := fmt.Appendf(nil, `{"leak":%d,"ts":%d}`, leak, time.Now().UnixMilli())
			if err := b.Publish(leakTopic, payload, retained); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		say(1, true)
		l := listen(t, config(dated(mqtt.UnixMillis)), b.Dial)
		pass(time.Second)
		say(0, false)
		b.Disconnect()
		pass(10 * time.Second)
		l.want(t, "after a reconnect", map[gateway.PointRef]string{leak: "good 0", lineLink: "good 1"})
	})
}

// signed is a leak sensor whose presence is told beside its topic.
func signed() mqtt.Device {
	d := leakSensor()
	d.Birth = &mqtt.Sign{Topic: "../LWT", Payload: "Online"}
	d.Death = &mqtt.Sign{Topic: "../LWT", Payload: "Offline"}
	return d
}

func TestBirthAndDeathTellTheLink(t *testing.T) {
	const lwt = "site/a(1)/leak/k.1/LWT"
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		if err := b.Publish(lwt, []byte("Online"), true); err != nil {
			t.Fatal(err)
		}
		l := listen(t, config(signed()), b.Dial)
		pass(time.Second)
		l.want(t, "born before we came", map[gateway.PointRef]string{leakLink: "good 1", leak: "nothing"})
		publish(t, b, leakTopic, `{"leak":true}`)
		publish(t, b, lwt, " Offline\n")
		pass(time.Second)
		l.want(t, "gone", map[gateway.PointRef]string{leakLink: "good 0", leak: "good 1"})
		pass(time.Hour)
		l.want(t, "still gone", map[gateway.PointRef]string{leakLink: "good 0"})
		publish(t, b, lwt, "Onlin")
		pass(time.Second)
		l.want(t, "said something else", map[gateway.PointRef]string{leakLink: "good 0"})
		publish(t, b, lwt, "Online")
		pass(time.Second)
		l.want(t, "born again", map[gateway.PointRef]string{leakLink: "good 1"})
		publish(t, b, lwt, "Offline")
		pass(time.Second)
		publish(t, b, leakTopic, `{"leak":false}`)
		pass(time.Second)
		l.want(t, "speaks although gone", map[gateway.PointRef]string{leakLink: "good 1", leak: "good 0"})
		if s := l.Stats(); s.Unknown != 0 || s.BadPayload != 0 || s.Granted != 2 {
			t.Errorf("stats %+v, want every message understood", s)
		}
	})
}

func TestADeathFromBeforeWeCameCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBroker(t, simulator.BrokerOptions{})
		if err := b.Publish("avail/k.1", []byte(`{"state":"offline"}`), true); err != nil {
			t.Fatal(err)
		}
		d := leakSensor()
		d.Death = &mqtt.Sign{Topic: "avail/{device}", Path: "state", Payload: "offline"}
		l := listen(t, config(d), b.Dial)
		pass(time.Second)
		l.want(t, "gone before we came", map[gateway.PointRef]string{leakLink: "good 0"})
	})
}

func TestSignsThatCannotBe(t *testing.T) {
	for _, topic := range []string{"a/{device", "a/+b", "../../../../../../x", "", "a/#/b"} {
		d := leakSensor()
		d.Birth = &mqtt.Sign{Topic: topic}
		_, err := mqtt.New(config(d), mqtt.Options{})
		if topic == "a/{device" { // a plain topic that looks odd
			if err != nil {
				t.Errorf("topic %q was refused: %v", topic, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("topic %q was taken", topic)
		}
	}
	d := leakSensor()
	d.Birth, d.Stamp = &mqtt.Sign{Topic: "a", Path: ".."}, &mqtt.Stamp{Path: "x", Format: "noon"}
	if _, err := mqtt.New(config(d), mqtt.Options{}); err == nil {
		t.Error("a path and a format that cannot be were taken")
	}
}
