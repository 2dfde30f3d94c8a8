package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// replaySite is a site with one meter and one rule of its own, which chatters on
// what replayWeek records.
const replaySite = `site: {id: s, timezone: Asia/Shanghai}
buses: {b: {tcp: "192.0.2.1:502"}}
facilities: [{id: meter-1, profile: eastron-sdm630, bus: b, unit: 1}]
rules: {packs: [], files: [own.yaml]}
notify: {receivers: [{id: desk, webhook: {url: "http://127.0.0.1:9000/"}}]}
`

const replayRules = `class: electric_meter
params: {most: {value: 240 V}}
rules:
  high:
    title: {zh: 高, en: High}
    points: [voltage.l1]
    levels: {warning: {above: $most, hold: 2s}}
    ticket: ordinary
    why: {cause: {zh: 因, en: c}, consequence: {zh: 果, en: c}, response: {zh: 查, en: r}}
`

// replayWeek is a voltage that rises above 240 V for five seconds of every ten,
// a hundred times, and then for one minute.
func replayWeek() string {
	var b strings.Builder
	b.WriteString("time,point,value,quality\n")
	begin := time.Date(2026, 3, 10, 9, 0, 0, 0, time.FixedZone("", 8*3600))
	for i := range 1000 + 60 + 10 {
		v := 239.5
		if i < 1000 && i%10 < 5 || i >= 1000 && i < 1060 {
			v = 240.4
		}
		fmt.Fprintf(&b, "%s,meter-1/v_l1,%g,good\n", begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339), v)
	}
	return b.String()
}

// inReplayFolder makes a folder with all that and works there.
func inReplayFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"site.yaml": replaySite, "own.yaml": replayRules, "week.csv": replayWeek(),
		"old.yaml":    strings.Replace(replayRules, "hold: 2s", "hold: 20s", 1),
		"broken.yaml": strings.Replace(replayRules, "voltage.l1]", "voltage.l1", 1),
		"wrong.csv":   "time,point,value\n2026-03-10T09:00:00+08:00,meter-1/v_l1,x\n",
		"other.csv":   "time,point,value\n2026-03-10T09:00:00+08:00,meter-1/v_ll,1\n2026-03-10T09:00:00+08:00,meter-1/v_l2,1\n",
	} {
		if err := os.WriteFile(filepath.Clean(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := strings.Replace(replaySite, "own.yaml", "old.yaml", 1)
	write(t, "other.yaml", other)
}

func TestReplay(t *testing.T) {
	inReplayFolder(t)
	for _, tt := range []struct {
		name   string
		args   string
		code   int
		stdout []string
		stderr string
	}{
		{"what the rules did", "week.csv", 0, []string{
			"2026-03-10 09:00:00 to 2026-03-10 09:17:49 (17m49s), 1070 samples\n",
			"101 alarms (340.13 per hour), tickets: 1 ordinary, notices: 5\n",
			"RULE               SEVERITY  TIMES  PER HOUR  CHATTER  ACTIVE  LONGEST  FIRST                LAST                 \n" +
				"meter-1/high/v_l1  warning     101    340.13      100   9m20s    1m00s  2026-03-10 09:00:02  2026-03-10 09:16:42  \n",
			"\n0 rules had data and never came into force\n",
			"electric_meter/high chatters: 100 of its 101 activations came within a minute of the last return. What would help:\n" +
				"  reset: $most - 1 V  (now $most)\n      101 → 1 activations, no chatter left, no fault missed\n" +
				"  clear_after: 10s  (now 0s)\n      101 → 1 activations, no chatter left, no fault missed\n" +
				"  hold: 10s  (now 2s)\n      101 → 1 activations, no chatter left; 100 faults of up to 5s would not be told\n",
		}, ""},
		{"older rules", "--rules old.yaml week.csv", 0, []string{
			"before: 1 alarm (3.37 per hour), tickets: 1 ordinary, notices: 2\nafter:  101 alarms",
			"RULE               BEFORE → AFTER  CHATTER  ACTIVE         MISSED  \nmeter-1/high/v_l1       1 → 101    0 → 100  1m00s → 9m20s  none    \n",
		}, ""},
		{"another site", "--config other.yaml --against site.yaml week.csv", 0, []string{"101 → 1", "100, up to 5s, first 2026-03-10 09:00:02"}, ""},
		{"the same rules", "--against site.yaml week.csv", 0, []string{"every rule does the same"}, ""},
		{"no number", "wrong.csv", 1, nil, `intact: wrong.csv:2:40: "x" is no value of point v_l1 (a number`},
		{"an unknown point", "other.csv", 1, nil, `other.csv:2:27: the site has no point "meter-1/v_ll" (did you mean "meter-1/v_l1"?`},
		{"an unknown point that does not matter", "--ignore-unknown other.csv", 0, []string{", 1 sample\n"}, "warning: passed over what the site does not have: meter-1/v_ll\n"},
		{"rules with a mistake", "--rules broken.yaml week.csv", 1, nil, "broken.yaml:7:5:"},
		{"no such file", "none.csv", 1, nil, "none.csv"},
		{"two things to compare with", "--rules old.yaml --against site.yaml week.csv", 2, nil, "--against and --rules"},
		{"no recording", "", 2, nil, "name a "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := call(t, strings.Fields("replay --config site.yaml "+tt.args)...)
			if code != tt.code || !strings.Contains(stderr, tt.stderr) || tt.stderr == "" && stderr != "" || tt.stdout == nil && stdout != "" {
				t.Errorf("exit %d\nstdout: %s\nstderr: %s", code, stdout, stderr)
			}
			for _, want := range tt.stdout {
				if !strings.Contains(stdout, want) {
					t.Errorf("got\n%swant\n%s", stdout, want)
				}
			}
		})
	}
}

func TestReplayForPrograms(t *testing.T) {
	inReplayFolder(t)
	read := func(args string) (result map[string]any) {
		stdout, stderr, code := call(t, strings.Fields("replay --json --config site.yaml "+args)...)
		if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != 0 {
			t.Fatalf("%s: exit %d, %v\n%s%s", args, code, err, stdout, stderr)
		}
		return result
	}
	r := read("week.csv")
	for _, key := range []string{"from", "to", "samples", "gaps", "alarms", "alarms_per_hour", "tickets", "notices", "rules", "blind", "suggestions", "unknown_points"} {
		if r[key] == nil {
			t.Errorf("no %s", key)
		}
	}
	rule := r["rules"].([]any)[0].(map[string]any)
	if rule["key"] != "meter-1/high/v_l1" || rule["active"] != 560.0 || rule["first"] != "2026-03-10T09:00:02+08:00" || rule["chatter"] != 100.0 {
		t.Errorf("%v", rule)
	}
	d := read("--rules old.yaml --ignore-unknown week.csv")["differences"].([]any)[0].(map[string]any)
	if d["before"].(map[string]any)["activations"] != 1.0 || d["after"].(map[string]any)["activations"] != 101.0 {
		t.Errorf("%v", d)
	}
}
