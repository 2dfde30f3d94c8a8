package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/rules"
)

func TestEveryTextExistsInBothLanguages(t *testing.T) {
	for key, text := range catalogue {
		if strings.TrimSpace(text.ZH) == "" || strings.TrimSpace(text.EN) == "" {
			t.Errorf("%s: zh %q, en %q", key, text.ZH, text.EN)
		}
	}
}

func TestEveryKeyThatIsUsedIsInTheCatalogue(t *testing.T) {
	used := map[string]bool{}
	for _, in := range []struct{ files, pattern string }{
		{"assets/*.tmpl", `\.T "([^"]+)"`},
		{"*.go", `\.T\("([^"]+)"\)`},
	} {
		files, err := filepath.Glob(in.files)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(in.pattern).FindAllSubmatch(source, -1) {
				used[string(m[1])] = true
			}
		}
	}
	for _, s := range []rules.Severity{rules.Info, rules.Warning, rules.Critical, rules.LifeSafety} {
		used["severity."+s.String()] = true
	}
	for c := intact.Up; c <= intact.Excluded; c++ {
		used["class."+c.String()] = true
	}
	for q := gateway.NotSeen; q <= gateway.BadOffline; q++ {
		used["quality."+q.String()] = true
	}
	for _, p := range []tickets.Priority{tickets.Rescue, tickets.Emergency, tickets.Ordinary} {
		used["priority."+string(p)] = true
	}
	for _, clock := range []string{"respond", "arrive", "reply", "finish"} {
		used["clock."+clock] = true
	}
	states := []tickets.State{
		tickets.New, tickets.Assigned, tickets.Accepted, tickets.Arrived, tickets.Working,
		tickets.OnHold, tickets.Done, tickets.Closed, tickets.Cancelled,
	}
	for _, s := range states {
		used["state."+string(s)] = true
		v := ticketView{words: words{gateway.English}}
		v.addMoves(tickets.Ticket{State: s, Priority: tickets.Rescue, Active: []alerts.ID{1}})
		if v.Next == nil && !s.Over() {
			t.Errorf("a ticket that is %s has no next step", s)
		}
		if v.Next != nil {
			v.Others = append(v.Others, *v.Next)
		}
		for _, m := range v.Others {
			used["move."+m.Event] = true
			for _, f := range m.Fields {
				if f.Label == "field."+f.Name {
					t.Errorf("%s is missing from the catalogue", f.Label)
				}
			}
		}
	}
	if len(used) < 80 {
		t.Fatalf("only %d keys found: the patterns no longer fit", len(used))
	}
	for key := range used {
		if !known(key) {
			t.Errorf("%s is missing from the catalogue", key)
		}
	}
}

func TestPrioritiesAreCalledAsInTheManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/zh/tickets.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []tickets.Priority{tickets.Rescue, tickets.Emergency, tickets.Ordinary} {
		if want := "| `" + string(p) + "` " + catalogue["priority."+string(p)].ZH + " |"; !strings.Contains(string(manual), want) {
			t.Errorf("the manual has no row %q", want)
		}
	}
}

func TestValuesReadAsPeopleWriteThem(t *testing.T) {
	states := map[int64]gateway.State{2: {Name: "inspection", Text: gateway.Text{ZH: "检修", EN: "inspection"}}, 3: {Name: "fire_return"}}
	tests := []struct {
		name   string
		point  gateway.Point
		value  float64
		zh, en string
	}{
		{"decimals of the point", gateway.Point{Unit: "V", Decimals: 1}, 235.44, "235.4\u00a0V", "235.4\u00a0V"},
		{"a sign of its own for the unit", gateway.Point{Unit: "degC"}, 24.4, "24\u00a0°C", "24\u00a0°C"},
		{"thousands of watts", gateway.Point{Unit: "W"}, 78_367, "78.4\u00a0kW", "78.4\u00a0kW"},
		{"a few watts", gateway.Point{Unit: "W"}, -950, "-950\u00a0W", "-950\u00a0W"},
		{"percent without a gap", gateway.Point{Unit: "%"}, 58, "58%", "58%"},
		{"a power factor has no unit", gateway.Point{Decimals: 3}, 0.9621, "0.962", "0.962"},
		{"no sign on what rounds to nothing", gateway.Point{Unit: "A", Decimals: 1}, -0.01, "0.0\u00a0A", "0.0\u00a0A"},
		{"a negative value keeps its sign", gateway.Point{Unit: "kW", Decimals: 1}, -0.06, "-0.1\u00a0kW", "-0.1\u00a0kW"},
		{"a named state", gateway.Point{Kind: gateway.Enum, States: states}, 2, "检修", "inspection"},
		{"a state without text", gateway.Point{Kind: gateway.Enum, States: states}, 3, "fire_return", "fire_return"},
		{"a state nobody named", gateway.Point{Kind: gateway.Enum, States: states}, 41, "代码 41", "code 41"},
		{"a broken state is not the one below it", gateway.Point{Kind: gateway.Enum, States: states}, 2.5, "代码 2.5", "code 2.5"},
		{"a bit", gateway.Point{Kind: gateway.Discrete}, 1, "是", "yes"},
		{"a bit with words of its own", gateway.Point{Kind: gateway.Discrete, Role: "link"}, 0, "中断", "lost"},
		{"a bit of a numbered role", gateway.Point{Kind: gateway.Discrete, Role: "run.2"}, 1, "运行", "running"},
		{"no flag", gateway.Point{Kind: gateway.Bitset, States: states}, 0, "无", "none"},
		{"flags, named and not", gateway.Point{Kind: gateway.Bitset, States: states}, 0b100101, "位 0、检修、位 5", "bit 0, inspection, bit 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := gateway.Sample{Quality: gateway.Good, Value: tt.value}
			if got := valueText(&tt.point, s, words{gateway.Chinese}); got != tt.zh {
				t.Errorf("zh %q, want %q", got, tt.zh)
			}
			if got := valueText(&tt.point, s, words{gateway.English}); got != tt.en {
				t.Errorf("en %q, want %q", got, tt.en)
			}
			s.Quality = gateway.BadStale
			if got := valueText(&tt.point, s, words{gateway.English}); got != noValue {
				t.Errorf("a bad value reads %q", got)
			}
		})
	}
}

func TestDurationsHaveTheirTwoLargestUnits(t *testing.T) {
	tests := []struct {
		d      time.Duration
		zh, en string
	}{
		{-time.Second, "0秒", "0 s"},
		{999 * time.Millisecond, "0秒", "0 s"},
		{59 * time.Second, "59秒", "59 s"},
		{80 * time.Second, "1分20秒", "1 min 20 s"},
		{time.Hour, "1小时", "1 h"},
		{time.Hour + 59*time.Second, "1小时", "1 h"},
		{26*time.Hour + 5*time.Minute, "1天2小时", "1 d 2 h"},
		{24*time.Hour + 5*time.Minute, "1天", "1 d"},
	}
	for _, tt := range tests {
		if got := durationText(tt.d, words{gateway.Chinese}); got != tt.zh {
			t.Errorf("%v in zh: %q, want %q", tt.d, got, tt.zh)
		}
		if got := durationText(tt.d, words{gateway.English}); got != tt.en {
			t.Errorf("%v in en: %q, want %q", tt.d, got, tt.en)
		}
	}
	for d, want := range map[time.Duration]string{0: "0:00", 9 * time.Second: "0:09", 59*time.Minute + 59*time.Second: "59:59", 45 * time.Hour: "45:00:00"} {
		if got := clockText(d); got != want {
			t.Errorf("clock of %v: %q, want %q", d, got, want)
		}
	}
}
