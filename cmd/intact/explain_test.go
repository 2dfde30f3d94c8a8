package main_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/configs"
)

var update = flag.Bool("update", false, "write the golden files anew")

const exampleSite = "../../configs/sites/example.yaml"

// TestExplanationsOfTheExample holds what is said of points and rules of the
// shipped example to files that people have read.
func TestExplanationsOfTheExample(t *testing.T) {
	for _, name := range []string{
		"meter-main/v_l1", "meter-main/v_imbalance", "fire-panel/silenced", "leak-lift-pit/leak",
		"booster/outlet_low", "lift-1/entrapment",
	} {
		for _, lang := range []string{"zh", "en"} {
			t.Run(name+" "+lang, func(t *testing.T) {
				stdout, stderr, code := call(t, "explain", name, "--config", exampleSite, "--lang", lang)
				if code != 0 || stderr != "" {
					t.Fatalf("exit %d: %s", code, stderr)
				}
				file := filepath.Join("testdata", "explain", strings.ReplaceAll(name, "/", ".")+"."+lang+".txt")
				if *update {
					write(t, file, stdout)
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), stdout); diff != "" {
					t.Errorf("%s (-want +got); run with -update if the new one is right:\n%s", file, diff)
				}
			})
		}
	}
}

// TestAllKindsOfPointsCanBeExplained asks for some of each facility of the
// example, among them a panel with its thousands.
func TestAllKindsOfPointsCanBeExplained(t *testing.T) {
	c, err := configs.Load(os.DirFS("../../configs/sites"), "example.yaml", configs.Options{Places: true})
	if err != nil {
		t.Fatal(err)
	}
	const some = 97
	for ref, p := range c.Site.Points() {
		if ref%some > 0 {
			continue
		}
		e, err := c.Explain(string(p.ID()))
		if err != nil || e.Kind != "point" || len(e.Sections) < 2 {
			t.Fatalf("%s: %+v, %v", p.ID(), e, err)
		}
	}
}

func TestNamesThatExplainDoesNotKnow(t *testing.T) {
	for _, tt := range []struct {
		name, want string
	}{
		{"meter-mian/v_l1", `there is no facility "meter-mian" (did you mean "meter-main"?`},
		{"meter-main/v_l4", `facility meter-main has no point, rule or limit "meter-main/v_l4" (did you mean "meter-main/v_l`},
		{"lift-1/entrapmnt", `did you mean "lift-1/entrapment"?`},
		{"lift-1", "lift-1 is a facility: name one of its points, rules or limits (lift-1/power_ok, "},
		{"lift-1/", `facility lift-1 has no point, rule or limit "lift-1/"`},
	} {
		stdout, stderr, code := call(t, "explain", tt.name, "--config", exampleSite)
		if code != 1 || stdout != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d, %s%s", tt.name, code, stdout, stderr)
		}
	}
	if _, stderr, code := call(t, "explain", "lift-1/moving", "--config", exampleSite, "--lang", "fr"); code != 1 || !strings.Contains(stderr, `unknown language "fr"`) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestAnExplanationForAProgram(t *testing.T) {
	stdout, _, code := call(t, "explain", "booster/outlet_low", "--config", exampleSite, "--json")
	var e configs.Explanation
	if err := json.Unmarshal([]byte(stdout), &e); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, stdout)
	}
	if diff := cmp.Diff([]string{"outlet"}, e.Points); diff != "" || e.Kind != "rule" || e.Title.ZH == "" {
		t.Errorf("%+v", e)
	}
}

// TestExplainAsksARunningGateway stands in for one whose clock is an hour behind
// and whose list of points comes in two parts.
func TestExplainAsksARunningGateway(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Tue, 10 Mar 2026 04:00:07 GMT")
		switch r.URL.Path + "?" + r.URL.RawQuery {
		case "/readyz?":
			w.WriteHeader(http.StatusServiceUnavailable) // something is wrong with it, and it can be asked all the same
			fmt.Fprint(w, `{"site":"lakeside"}`)
		case "/api/v1/points?facility=booster":
			fmt.Fprint(w, `{"items":[{"name":"on","value":1,"quality":"good"}],"next":"1"}`)
		case "/api/v1/points?cursor=1&facility=booster":
			fmt.Fprint(w, `{"items":[{"name":"outlet","value":null,"unit":"bar","quality":"bad","reason":"timeout","time":"2026-03-10T12:00:00+08:00"}],"next":null}`)
		case "/api/v1/rules/booster/outlet_low?":
			fmt.Fprint(w, `{"items":[{"key":"booster/outlet_low/outlet","phase":"clearing","severity":"critical","stale":true,"since":"2026-03-10T11:59:00+08:00",
				"left":30,"ends":null,"paused":true,"clears":{"zh":"outlet >= 3.2 bar","en":"outlet >= 3.2 bar"},"alert":7,"shown_as":"shelved",
				"shelf":{"by":"王强","second":"","reason":"pipe is emptied","until":"2026-03-10T13:00:00+08:00"},
				"cause":{"alert":3,"facility":"bus-plc","rule":"comm_loss","title":{"zh":"通讯中断","en":"Line silent"}}}],"next":null}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer api.Close()
	for lang, want := range map[string]string{
		"en": `now
  outlet           bad  (timeout)  12:00:00 (7s ago)
  state            clearing  critical  (stale: kept on trust)  since 2026-03-10 11:59:00
  time left        30s, standing still: its inputs are not known
  ends when        outlet >= 3.2 bar
  alert            #7  shelved
  shelved          by 王强 until 2026-03-10 13:00:00: pipe is emptied
  hidden by        #3  bus-plc/comm_loss  Line silent
`,
		"zh": `当前
  outlet       无效  (超时)  12:00:00（7s 前）
  状态         解除计时中  紧急  （凭信任保持）  自 2026-03-10 11:59:00
  剩余         30s，输入未知，暂停计时
  解除条件     outlet >= 3.2 bar
  告警         #7  已搁置
  搁置         王强，至 2026-03-10 13:00:00：pipe is emptied
  被其隐藏     #3  bus-plc/comm_loss  通讯中断
`,
	} {
		stdout, stderr, code := call(t, "explain", "booster/outlet_low", "--config", exampleSite, "--lang", lang, "--url", api.URL)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit %d, %s%s\nwant\n%s", code, stderr, stdout, want)
		}
	}
	if _, stderr, code := call(t, "explain", "lift-1/moving", "--config", exampleSite, "--url", api.URL); code != 1 || !strings.Contains(stderr, "404") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// TestExplainAsksNoGatewayOfAnotherSite: its values would be taken for those of
// this one.
func TestExplainAsksNoGatewayOfAnotherSite(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"site":"hillside"}`) }))
	defer api.Close()
	_, stderr, code := call(t, "explain", "booster/outlet_low", "--config", exampleSite, "--url", api.URL)
	if code != 1 || !strings.Contains(stderr, `is that of site "hillside", the site file is that of "lakeside"`) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// TestExplainOfALimit: with the $ it is never taken for a rule of the same name.
func TestExplainOfALimit(t *testing.T) {
	for name, want := range map[string]string{
		"booster/$outlet_low": "booster/$outlet_low  ", "meter-main/v_high": "meter-main/$v_high  ",
	} {
		stdout, stderr, code := call(t, "explain", name, "--config", exampleSite, "--lang", "en")
		if code != 0 || !strings.HasPrefix(stdout, want) || !strings.Contains(stdout, "\nread by\n  rule") || !strings.Contains(stdout, ".yaml:") {
			t.Errorf("%s: exit %d, %s%s", name, code, stderr, stdout)
		}
	}
}

// TestAFacilityListsEachNameOnce: blind is a point and a rule.
func TestAFacilityListsEachNameOnce(t *testing.T) {
	_, stderr, _ := call(t, "explain", "booster", "--config", exampleSite)
	if n := strings.Count(stderr, "booster/blind"); n != 1 {
		t.Errorf("booster/blind is listed %d times: %s", n, stderr)
	}
}
