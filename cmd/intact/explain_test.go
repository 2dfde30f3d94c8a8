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
		{"meter-main/v_l4", `facility meter-main has neither a point nor a rule "meter-main/v_l4" (did you mean "meter-main/v_l`},
		{"lift-1/entrapmnt", `did you mean "lift-1/entrapment"?`},
		{"lift-1", "lift-1 is a facility: name one of its points or rules (lift-1/power_ok, "},
		{"lift-1/", `facility lift-1 has neither a point nor a rule "lift-1/"`},
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

// TestExplainAsksARunningGateway stands in for one whose list of points comes in
// two parts.
func TestExplainAsksARunningGateway(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path + "?" + r.URL.RawQuery {
		case "/api/v1/points?facility=booster":
			fmt.Fprint(w, `{"items":[{"name":"on","value":1,"quality":"good"}],"next":"1"}`)
		case "/api/v1/points?cursor=1&facility=booster":
			fmt.Fprint(w, `{"items":[{"name":"outlet","value":null,"unit":"bar","quality":"bad","reason":"timeout"}],"next":null}`)
		case "/api/v1/alerts?":
			fmt.Fprint(w, `{"items":[{"id":7,"facility":"booster","rule":"outlet_low","severity":"critical","condition":"active","stale":true,"suppressed":true,"cause":3}],"next":null}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer api.Close()
	stdout, stderr, code := call(t, "explain", "booster/outlet_low", "--config", exampleSite, "--lang", "en", "--url", api.URL)
	for _, want := range []string{"  outlet           bad  (timeout)\n", "  alert            #7  active  critical  stale  suppressed by #3\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("exit %d, %s%s\nwant %q", code, stderr, stdout, want)
		}
	}
	if _, stderr, code := call(t, "explain", "lift-1/moving", "--config", exampleSite, "--url", api.URL); code != 1 || !strings.Contains(stderr, "404") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
