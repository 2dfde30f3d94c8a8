package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// walkSeconds tells the point name a value each second, from second 1 on: "_" is
// none, "?" a bad one, "20x5" five times 20, "20..25" each whole number. It
// returns what changed, with the second.
func walkSeconds(s *stage, name, series string) (got []string) {
	second := 0
	for word := range strings.FieldsSeq(series) {
		value, count, times := strings.Cut(word, "x")
		n := 1
		if times {
			_, _ = fmt.Sscan(count, &n)
		}
		for range n {
			second++
			given := name + "=" + value
			if value == "_" {
				given = ""
			}
			for _, change := range s.tell(gateway.Instant(1000*second), given) {
				got = append(got, fmt.Sprintf("%ds %s", second, strings.TrimPrefix(change, "p/r ")))
			}
		}
	}
	return got
}

func ramp(from, to, step float64) string {
	var words []string
	for v := from; v <= to; v += step {
		words = append(words, fmt.Sprint(v))
	}
	return strings.Join(words, " ")
}

func TestWalksOverTime(t *testing.T) {
	for _, tt := range []struct {
		name, when, point, series string
		want                      []string
	}{
		{"a rate is known when it has seen half of its time", "rate(x, 20s) > 50 degC/min", "p/x",
			ramp(1, 25, 1), []string{"11s active"}},
		{"a bad value takes the rate at once, and gives it back at once", "rate(x, 20s) > 50 degC/min", "p/x",
			ramp(1, 15, 1) + " ? " + ramp(17, 20, 1), []string{"11s active", "16s active*", "17s active"}},
		{"a rate that no value tells of any more is unknown", "rate(x, 20s) > 50 degC/min", "p/x",
			ramp(1, 15, 1) + " _x20", []string{"11s active", "26s active*"}},
		{"wrong values of a sensor do not make a rate", "rate(x, 20s) > 5 degC/min", "p/x",
			"20x8 900 20x6 900 20x10", nil},
		{"a largest value is certain as soon as it is seen", "max(x, 20s) > 50 degC", "p/x",
			"20 60 20x30", []string{"2s active", "24s normal"}},
		{"that none was larger is known when nine tenths are", "not (max(x, 20s) > 50 degC)", "p/x",
			"20x30", []string{"19s active"}},
		{"a lost value of many does not take the smallest", "min(x, 20s) > 10 degC", "p/x",
			"20x21 ?x2 20x20 ?x3 20x20", []string{"19s active", "47s active*", "65s active"}},
		{"a short peak is no mean", "mean(x, 20s) > 10 degC", "p/x",
			"0x19 100 0x20 12x20", []string{"58s active"}},
		{"starts count at once, although the hour is not over", "starts(on, 1min) > 2", "p/on",
			"0 1 0 1 0 1 0x60", []string{"6s active", "63s normal"}},
		{"what began before the first sample is no start", "starts(on, 1min) >= 1", "p/on",
			"1x50", nil},
		{"one that was off before a short loss and on behind it has started", "starts(on, 1min) >= 1", "p/on",
			"0 ? 1", []string{"3s active"}},
		{"a start counts as long as the value before it holds", "starts(on, 20s) >= 1", "p/on",
			"0 _x2 1", []string{"4s active"}},
		{"and no longer", "starts(on, 20s) >= 1", "p/on",
			"0 _x3 1", nil},
		{"one that was lost for long has started nobody knows when", "starts(on, 1min) >= 1", "p/on",
			"0 ?x10 1", nil},
		{"usage is what the total has grown by", "usage(total, 20s) > 5 m3", "p/total",
			"100x20 101 102 103 104 105 106 106x20", []string{"26s active", "42s normal"}},
		{"a total that is set back uses nothing by that", "usage(total, 20s) > 5 m3", "p/total",
			"99999x20 0 1 2 3 4 5 6", []string{"27s active"}},
		{"one that begins anew goes on", "usage(total, 20s, 100000 m3) > 5 m3", "p/total",
			"99998x20 0 1 2 3 4 5 6", []string{"25s active"}},
		{"what a total grew by in a long silence is not of now", "usage(total, 20s) > 5 m3", "p/total",
			"100x20 _x60 900", nil},
		{"a stuck sensor stays within a narrow range", "max(x, 20s) - min(x, 20s) < 0.1 K", "p/x",
			ramp(1, 20, 1) + " 20.55x30", []string{"42s active"}},
		{"a rate of what is computed", "rate(x - 20 degC, 20s) > 50 degC/min", "p/x",
			ramp(1, 25, 1), []string{"11s active"}},
		{"four of six looks", "held(x > 50 degC, 4 of 6 in 12s)", "p/x",
			"20x20 60x3 20x2 60x10 20x20", []string{"30s active", "42s normal"}},
		{"looks at what is not known leave it open", "held(x > 50 degC, 4 of 6 in 12s)", "p/x",
			"60x10 ?x4 60x2 ?x20 20x20", []string{"8s active", "18s active*", "42s normal"}},
		{"starts of what is compared", "starts(x > 50 degC, 1min) >= 2", "p/x",
			"20 60 20 60", []string{"4s active"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mustStage(t, watched(t, time.Second, 0), rules.Spec{When: when(tt.when)})
			if diff := cmp.Diff(tt.want, walkSeconds(s, tt.point, tt.series)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestTimeAloneClears: a contact that tells only its changes says nothing while the
// starts pass out of the hour. What happens then is dated when it happens, however
// late the engine is told of the time.
func TestTimeAloneClears(t *testing.T) {
	s := mustStage(t, watched(t, 0, 0), rules.Spec{When: when("starts(on, 1min) > 2"), ClearAfter: 5 * time.Second})
	walkSeconds(s, "p/on", "0 1 0 1 0 1 0")
	next, ok := s.Next()
	if !ok || next > 8000 {
		t.Fatalf("nothing is expected before %v", next)
	}
	changes := s.Advance(nil, 300_000)
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s since %d at %d", c.To, c.Since, c.At))
	}
	if diff := cmp.Diff([]string{"clearing since 63000 at 300000", "normal since 63000 at 300000"}, got); diff != "" {
		t.Error(diff)
	}
	if next, ok := s.Next(); ok {
		t.Errorf("nothing can change any more, but something is expected at %v", next)
	}
}

// TestAClockThatIsSetKeepsWhatWasSeen: the starts of the last minute are still
// those of the last minute.
func TestAClockThatIsSetKeepsWhatWasSeen(t *testing.T) {
	s := mustStage(t, watched(t, time.Second, 0), rules.Spec{When: when("starts(on, 1min) > 2 or rate(x, 1min) > 50 degC/min")})
	walkSeconds(s, "p/on", "0 1 0 1 0")
	const year = 365 * 24 * time.Hour
	s.Skip(year)
	if got := s.tell(gateway.Instant(6000).Add(year), "p/on=1"); len(got) != 1 || got[0] != "p/r active" {
		t.Errorf("got %q", got)
	}
}

// TestBadDataDoesNotSpeakBeforeAWindowIsFull: every start of the gateway would be
// an alarm.
func TestBadDataDoesNotSpeakBeforeAWindowIsFull(t *testing.T) {
	spec := rules.Spec{When: when("mean(x, 20s) > 10 degC"), BadData: "alarm"}
	s := mustStage(t, watched(t, time.Second, 0), spec)
	if got := walkSeconds(s, "p/x", "1x30 ?x5"); !cmp.Equal(got, []string{"34s active*"}) {
		t.Errorf("a source that fails: %q", got)
	}
	s = mustStage(t, watched(t, time.Second, 0), spec)
	if got := walkSeconds(s, "p/x", "?"); !cmp.Equal(got, []string{"1s active*"}) {
		t.Errorf("a source that is bad from the beginning: %q", got)
	}
}

func TestAFeatureAllocatesNothing(t *testing.T) {
	s := mustStage(t, watched(t, time.Second, 0), rules.Spec{When: when("rate(x, 1min) > 5 degC/min or max(x, 1min) - mean(x, 1min) > 5 K or starts(on, 1min) > 5 or usage(total, 1min) > 3 m3 or held(x > 3 degC, 4 of 6 in 1min)")})
	changes := make([]rules.Change, 0, 16)
	at, batch := gateway.Instant(0), make([]gateway.Sample, 3)
	if n := testing.AllocsPerRun(1000, func() {
		at += 1000
		changes = s.Advance(changes[:0], at)
		for i := range batch {
			batch[i] = gateway.Sample{Point: gateway.PointRef(i), Quality: gateway.Good, Value: float64(at / 1000 % 2 * 9), At: at}
		}
		changes = s.Observe(changes, batch)
	}); n != 0 {
		t.Errorf("%v allocations for three samples", n)
	}
}

func TestMistakesInWhatLooksBack(t *testing.T) {
	for text, want := range map[string]string{
		"rate(x, 5s) > 1 degC/min":           "packs[0].rules.r.when: rate(x, 5 s): character 9: 5 s is too short: 8 values of x are needed, and one comes each 1s (at least 8s; on facility p)",
		"max(x, 0s) > 1 degC":                "packs[0].rules.r.when: max(x, 0 s): character 8: 0 s is too short: 2 values of x are needed, and one comes each 1s (at least 2s; on facility p)",
		"mean(x, 90d) > 1 degC":              "packs[0].rules.r.when: mean(x, 90 d): character 9: 90 d is too long (at most 744h0m0s",
		"rate(x, 5min) > 1":                  "packs[0].rules.r.when: rate(x, 5 min) is in degC/min, and 1 has no unit (on facility p)",
		"rate(x, 5min) > 1 degC":             "packs[0].rules.r.when: 1 degC of rate(x, 5 min): degC (temperature) cannot be compared with degC/min (temperature per time)",
		"rate(total, 5min) > 1 m3/h":         "packs[0].rules.r.when: rate(total, 5 min): character 1: total is a total, and one that begins anew has no rate (take usage",
		"usage(x, 5min) > 1 degC":            "packs[0].rules.r.when: usage(x, 5 min): character 1: x is no total (usage is of a point of kind counter; of an amount take mean; on facility p)",
		"usage(total, 5min, 10 kg) > 1 m3":   `rules.r.when: "usage(total, 5min, 10 kg) > 1 m3": character 23: unknown unit "kg"`,
		"usage(total, 5min, 10 V) > 1 m3":    "packs[0].rules.r.when: usage(total, 5 min, 10 V): character 20: V (voltage) cannot be compared with m3 (volume)",
		"usage(total, 5min, 0 m3) > 1 m3":    "packs[0].rules.r.when: usage(total, 5 min, 0 m3): character 20: a total does not begin anew at 0 m3",
		"starts(x, 1h) > 1":                  "packs[0].rules.r.when: starts(x, 1 h): character 1: x is neither true nor false (compare it, such as x == …; on facility p)",
		"max(on, 1h) > 1":                    "packs[0].rules.r.when: max(on, 1 h): character 1: on is no amount (count how often it becomes true: starts(…, 1h); on facility p)",
		"starts(on, 1 degC) > 1":             "packs[0].rules.r.when: starts(on, 1 degC): character 12: 1 degC is no time (a time such as 30s, 10min or 1h; on facility p)",
		"starts(on, $many) > 1":              "packs[0].rules.r.when: starts(on, $many): character 12: 3 is no time",
		"held(x > 1 degC, 3 of 2 in 1min)":   `rules.r.when: "held(x > 1 degC, 3 of 2 in 1 min)": character 1: 3 of 2 looks (2 to 64 looks, of which 1 or more)`,
		"held(x > 1 degC, 3 in 1min)":        `rules.r.when: "held(x > 1 degC, 3 in 1min)": character 20: "of" is missing`,
		"held(x > 1 degC, 1min)":             `rules.r.when: "held(x > 1 degC, 1min)": character 19: "of" is missing`,
		"held(x > 1 degC, 3 of 20 in 10s)":   `packs[0].rules.r.when: held(x > 1 degC, 3 of 20 in 10 s): character 29: 10 s is too short: 20 values of x > 1 degC are needed, and one comes each 1s (at least 20s; on facility p)`,
		"held(x, 3 of 6 in 1min)":            `packs[0].rules.r.when: held(x, 3 of 6 in 1 min): character 1: x is neither true nor false`,
		"starts(on) > 1":                     `rules.r.when: "starts(on)": character 1: starts has 1 parts (such as starts(run, 1h))`,
		"rate(x - total, 5min) > 1 degC/min": "packs[0].rules.r.when: x - total: character 8: m3 (volume) cannot be compared with degC (temperature)",
		"rate(1, 5min) > 1 degC/min":         "packs[0].rules.r.when: 1: character 6: the expression names no point",
	} {
		_, mistakes := newStage(t, watched(t, time.Second, 0), rules.Spec{When: when(text)}, rules.Param{Name: "many", Value: gateway.Quantity{Value: 3}})
		if len(mistakes) == 0 || !strings.HasPrefix(mistakes[0], want) {
			t.Errorf("%s\n got %q\nwant %q", text, mistakes, want)
		}
	}
}

// TestLimitsOfARateMayBeWrittenAsPeopleDo has names of their own for some rates.
func TestLimitsOfARateMayBeWrittenAsPeopleDo(t *testing.T) {
	s := mustStage(t, watched(t, time.Second, 0), rules.Spec{Value: "rate(x, $over)", Levels: []rules.Level{
		{Severity: "warning", Above: "2 K/min", Reset: "1 degC/min"}, {Severity: "critical", Above: "3000 degF/h", Reset: "2999 degF/h"},
	}}, rules.Param{Name: "over", Value: gateway.Quantity{Value: 0.5, Unit: "min"}})
	if got := walkSeconds(s, "p/x", ramp(1, 40, 0.1)); !cmp.Equal(got, []string{"16s active"}) { // 6 K/min
		t.Errorf("%q", got)
	}
}

// TestAFeatureInWords also says when it is not known: a number would be a wrong one.
func TestAFeatureInWords(t *testing.T) {
	s := mustStage(t, watched(t, time.Second, 0), rules.Spec{When: when("rate(x, 20s) > 2 degC/min or held(starts(on, 1min) > 2, 2 of 3 in 1min)"), During: &rules.During{Daily: "00:00-12:00"}})
	told := func(f rules.Feature) string {
		if !f.Quality.HasValue() {
			return "not known"
		}
		return strings.TrimSpace(fmt.Sprintf("%v %s", f.Value, f.Unit))
	}
	words := func() (all []string) {
		for _, f := range s.FeaturesOf(0) {
			all = append(all, f.Means.EN+": "+told(f), f.Means.ZH+"："+told(f))
		}
		return all
	}
	s.tell(1000, "p/x=1")
	want := []string{
		"slope of x over 20 s: not known", "x 在 20 s 内的变化速度：not known",
		"times that on became true in 1 min: not known", "1 min 内 on 变为真的次数：not known",
		"2 of 3 looks in 1 min at starts(on, 1 min) > 2: not known", "1 min 内 3 次查看中有 2 次成立：starts(on, 1 min) > 2：not known",
		"during 00:00-12:00: 1", "处于时段 00:00-12:00：1",
	}
	if diff := cmp.Diff(want, words()); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	walkSeconds(s, "p/x", ramp(1, 25, 1))
	want[0], want[1] = "slope of x over 20 s: 60 degC/min", "x 在 20 s 内的变化速度：60 degC/min"
	if diff := cmp.Diff(want, words()); diff != "" {
		t.Errorf("then (-want +got):\n%s", diff)
	}
	if all := s.Features(); len(all) != 4 || all[0].Bytes < 500 || all[0].Bytes > 2000 || all[0].Back != 20*time.Second {
		t.Errorf("%+v", all)
	}
}

// TestBadDataSpeaksNoLongerThanTheyAreBad: a point that was bad when the gateway
// started and then comes leaves a window that is not full yet.
func TestBadDataSpeaksNoLongerThanTheyAreBad(t *testing.T) {
	s := mustStage(t, watched(t, time.Second, 0), rules.Spec{
		When: when("mean(x, 20s) > 10 degC"), BadData: "alarm", Hold: rules.Hold{Duration: 5 * time.Second},
	})
	if got := walkSeconds(s, "p/x", "?x3 1x30"); len(got) != 2 || got[0] != "1s pending*" || !strings.HasSuffix(got[1], " normal") {
		t.Errorf("%q", got)
	}
}
