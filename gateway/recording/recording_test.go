package recording_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/recording"
)

func site(t *testing.T) *gateway.Site {
	t.Helper()
	s, err := gateway.NewSite("s", gateway.Text{}, time.FixedZone("CST", 8*3600), gateway.English, []gateway.Facility{
		{ID: "pump-1", Class: gateway.Pump, Points: []gateway.Point{
			{Name: "run", Kind: gateway.Discrete},
			{Name: "pressure", Unit: "MPa"},
			{Name: "mode", Kind: gateway.Enum, States: map[int64]gateway.State{1: {Name: "auto"}, 2: {Name: "hand"}}},
		}},
		{ID: "meter-1", Class: gateway.ElectricMeter, Points: []gateway.Point{{Name: "v", Unit: "V"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// options suggest the first of the names, so that a test sees which were asked for.
func options(t *testing.T) recording.Options {
	return recording.Options{Site: site(t), Suggest: func(_ string, known []string) string { return "such as " + known[0] }}
}

// read returns the samples of files as text, and the mistake that ended it.
func read(t *testing.T, o recording.Options, files ...string) (samples []string, err error) {
	t.Helper()
	var readers []*recording.Reader
	for i, text := range files {
		r, err := recording.NewReader(fmt.Sprintf("%c.csv", 'a'+i), strings.NewReader(text), o)
		if err != nil {
			return nil, err
		}
		readers = append(readers, r)
	}
	m, err := recording.NewMerge(readers...)
	if err != nil {
		return nil, err
	}
	for {
		line, err := m.Next()
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return samples, err
		}
		for _, s := range line {
			samples = append(samples, fmt.Sprintf("%s %s %g %s", s.At.Time().Format("15:04:05.999"), o.Site.Point(s.Point).ID(), s.Value, s.Quality))
		}
	}
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestForms(t *testing.T) {
	want := []string{
		"01:12:00 pump-1/run 1 good",
		"01:12:00 pump-1/pressure 0.31 good",
		"01:12:01.5 pump-1/mode 2 good",
	}
	for name, text := range map[string]string{
		"narrow":          "time,point,value,quality\n2026-03-10T09:12:00+08:00,pump-1/run,1,good\n2026-03-10T01:12:00Z,pump-1/pressure,0.31,\n1773105121500,pump-1/mode,hand,good\n",
		"without quality": "time,point,value\n2026-03-10T09:12:00+08:00,pump-1/run,true\n2026-03-10T01:12:00Z,pump-1/pressure,0.31\n1773105121500,pump-1/mode,2\n",
		"columns in another order, of a spreadsheet": "\ufeffPoint;Time;Value\r\npump-1/run;2026-03-10 09:12:00;1\r\npump-1/pressure;2026/3/10 9:12;0.31\r\npump-1/mode;2026-03-10 09:12:01.5;hand\r\n",
		"wide":   "Time,pump-1/run,pump-1/pressure,pump-1/mode\n2026-03-10 09:12:00,1,0.31,\n2026-03-10 09:12:01.500,,,hand\n",
		"NDJSON": `{"time":"2026-03-10T09:12:00+08:00","point":"pump-1/run","value":true}` + "\n\n" + `{"time":1773105120000,"point":"pump-1/pressure","value":0.31,"quality":"good"}` + "\n" + `{"time":"2026-03-10T09:12:01.5+08:00","point":"pump-1/mode","value":"hand"}`,
	} {
		for _, form := range []struct{ name, text string }{{name, text}, {name + ", packed", packed(text)}} {
			got, err := read(t, options(t), form.text)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", form.name, err, diff)
			}
		}
	}
}

func TestBadSamplesCarryNoValue(t *testing.T) {
	got, err := read(t, options(t), "time,point,value,quality\n1773105121500,pump-1/pressure,,timeout\n1773105121500,pump-1/pressure,,bad\n1773105121500,pump-1/pressure,3,uncertain\n",
		`{"time":1773105122500,"point":"pump-1/pressure","value":null,"quality":"stale"}`)
	want := []string{"01:12:01.5 pump-1/pressure 0 timeout", "01:12:01.5 pump-1/pressure 0 not_available", "01:12:01.5 pump-1/pressure 3 uncertain", "01:12:02.5 pump-1/pressure 0 stale"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestFilesAreMergedByTime(t *testing.T) {
	got, err := read(t, options(t),
		"time,point,value\n1773105121000,pump-1/run,1\n1773105123000,pump-1/run,0\n",
		"time,point,value\n1773105121000,meter-1/v,230\n1773105122000,meter-1/v,231\n1773105124000,meter-1/v,232\n",
		"time,point,value\n")
	want := []string{"01:12:01 pump-1/run 1 good", "01:12:01 meter-1/v 230 good", "01:12:02 meter-1/v 231 good", "01:12:03 pump-1/run 0 good", "01:12:04 meter-1/v 232 good"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestForeignPointsArePassedOver(t *testing.T) {
	var foreign []gateway.PointID
	o := options(t)
	o.Foreign = func(id gateway.PointID) bool { foreign = append(foreign, id); return true }
	for _, text := range []string{
		"time,point,value\n1773105121000,lift-9/run,x\n1773105121000,meter-1/v,230\n1773105122000,lift-9/run,1\n",
		"time,lift-9/run,meter-1/v\n1773105121000,x,230\n",
	} {
		foreign = nil
		got, err := read(t, o, text)
		if diff := cmp.Diff([]string{"01:12:01 meter-1/v 230 good"}, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if diff := cmp.Diff([]gateway.PointID{"lift-9/run"}, foreign); diff != "" {
			t.Error(diff)
		}
	}
}

func TestMistakes(t *testing.T) {
	const head = "time,point,value,quality\n"
	const at = "1773105121500,"
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "a.csv:1:1: the file is empty (it begins with"},
		{"no time", "date,point,value\n", "a.csv:1:1: no column is called time"},
		{"no value", "time,point\n", "a.csv:1:1: a column is missing"},
		{"a column too many", "time,point,value,unit\n", `a.csv:1:18: unknown column "unit"`},
		{"an unknown point", head + at + "pump-1/rum,1,\n", `a.csv:2:15: the site has no point "pump-1/rum" (such as pump-1/run)`},
		{"an unknown facility", head + at + "meter-9/v,1,\n", `a.csv:2:15: the site has no point "meter-9/v" (such as pump-1/run)`},
		{"an unknown column", "time,pump-1/rum\n", `a.csv:1:6: the site has no point "pump-1/rum"`},
		{"a column twice", "time,pump-1/run,pump-1/run\n", `a.csv:1:17: column "pump-1/run" is there twice`},
		{"time going back", head + at + "pump-1/run,1,\n1773105121499,pump-1/run,1,\n", "a.csv:3:1: time goes back from 2026-03-10T09:12:01.5+08:00 to 2026-03-10T09:12:01.499+08:00 (sort the lines by time)"},
		{"no time at all", head + "yesterday,pump-1/run,1,\n", `a.csv:2:1: "yesterday" is no time (such as`},
		{"seconds", head + "1773105121,pump-1/run,1,\n", "a.csv:2:1: time 1773105121 is in 1973 or before (milliseconds"},
		{"no number", head + at + "pump-1/pressure,high,\n", `a.csv:2:31: "high" is no value of point pressure (a number`},
		{"a decimal comma", "time;point;value\n1773105121500;pump-1/pressure;0,31\n", `a.csv:2:31: "0,31" is no value of point pressure (a number with a decimal point`},
		{"no state", head + at + "pump-1/mode,of,\n", `a.csv:2:27: "of" is no value of point mode (a number, or one of auto, hand)`},
		{"neither on nor off", head + at + "pump-1/run,2,\n", `a.csv:2:26: "2" is neither 0 nor 1`},
		{"not a number", head + at + "pump-1/pressure,NaN,\n", `a.csv:2:31: "NaN" is no value`},
		{"no value and no reason", head + at + "pump-1/run,,\n", "a.csv:2:26: the value is missing (a sample without"},
		{"a bad value", head + at + "pump-1/run,1,timeout\n", "a.csv:2:26: a sample of quality timeout has no value"},
		{"no quality", head + at + "pump-1/run,1,godo\n", `a.csv:2:28: "godo" is no quality`},
		{"a short line", head + at + "pump-1/run,1\n", "a.csv:2:1: wrong number of fields"},
		{"a quote that does not end", head + `1773105121500,"pump-1/run,1,` + "\n", "a.csv:2:30: extraneous or missing"},
		{"an unknown key", `{"time":1773105121500,"point":"pump-1/run","valeu":1}`, `a.csv:1:1: json: unknown field "valeu"`},
		{"two objects", `{"time":1773105121500,"point":"pump-1/run","value":1} {}`, "a.csv:1:1: something stands behind"},
		{"an object for a value", `{"time":1773105121500,"point":"pump-1/run","value":{"v":1}}`, "a.csv:1:1: want one value"},
		{"half an object", `{"time":1773105121500,` + "\n", "a.csv:1:1: unexpected EOF"},
		{"no end of line", "{" + strings.Repeat(" ", 2<<20), "a.csv:1:1: the line is longer than"},
		{"cut off", packed(head + at + "pump-1/run,1,\n")[:40], "a.csv: unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := read(t, options(t), tt.text); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// FuzzReader wants samples in the order of time or an error, whatever it is given.
func FuzzReader(f *testing.F) {
	f.Add("time,point,value,quality\n1773105121500,pump-1/pressure,0.31,good\n")
	f.Add("Time;pump-1/run\n2026-03-10 09:12:00;1\n")
	f.Add(`{"time":1773105122500,"point":"pump-1/pressure","value":null,"quality":"stale"}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := recording.NewReader("f", strings.NewReader(text), options(t))
		last := gateway.Instant(0)
		for err == nil {
			var samples []gateway.Sample
			samples, err = r.Next(nil)
			for _, s := range samples {
				if s.At < last || s.Value != s.Value || s.Quality == gateway.NotSeen || !s.Quality.HasValue() && s.Value != 0 {
					t.Errorf("%+v after %v", s, last)
				}
				last = s.At
			}
		}
	})
}
