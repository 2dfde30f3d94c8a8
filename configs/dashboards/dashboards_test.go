package dashboards_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/intact-gateway/intact/configs/dashboards"
)

var update = flag.Bool("update", false, "write the dashboards anew")

// board is what the tests look at of a dashboard, as Grafana reads it.
type board struct {
	UID           string `json:"uid"`
	Title         string `json:"title"`
	SchemaVersion int    `json:"schemaVersion"`
	Panels        []view `json:"panels"`
	Templating    struct {
		List []struct {
			Name    string          `json:"name"`
			Type    string          `json:"type"`
			Query   json.RawMessage `json:"query"`
			Current struct {
				Value any `json:"value"`
			} `json:"current"`
			Datasource *ref `json:"datasource"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Expr       string `json:"expr"`
			Datasource *ref   `json:"datasource"`
		} `json:"list"`
	} `json:"annotations"`
}

type view struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Datasource *ref `json:"datasource"`
	Targets    []struct {
		RefID      string `json:"refId"`
		Expr       string `json:"expr"`
		Query      string `json:"query"`
		Instant    bool   `json:"instant"`
		Datasource *ref   `json:"datasource"`
	} `json:"targets"`
	FieldConfig struct {
		Defaults  map[string]any `json:"defaults"`
		Overrides []struct {
			Properties []struct {
				ID    string `json:"id"`
				Value any    `json:"value"`
			} `json:"properties"`
		} `json:"overrides"`
	} `json:"fieldConfig"`
}

type ref struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// shipped returns the committed dashboards by their name below this directory.
func shipped(t *testing.T) map[string]board {
	t.Helper()
	boards := make(map[string]board)
	for _, source := range []string{"prometheus", "influxdb", "victoriametrics"} {
		err := fs.WalkDir(os.DirFS("."), source, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			var b board
			if err := json.Unmarshal(text, &b); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			boards[name] = b
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return boards
}

func TestShippedDashboardsAreWhatTheCodeMakes(t *testing.T) {
	want, err := dashboards.Files()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		for _, source := range []string{"prometheus", "influxdb", "victoriametrics"} {
			if err := os.RemoveAll(source); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range want {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name := range shipped(t) {
		if want[name] == nil {
			t.Errorf("%s is made by nothing: go test ./configs/dashboards -update", name)
		}
	}
	for name, text := range want {
		if have, err := os.ReadFile(name); err != nil || !bytes.Equal(have, text) {
			t.Errorf("%s is not what the code makes (%v): go test ./configs/dashboards -update", name, err)
		}
	}
}

// TestGrafanaCanLoadEachDashboard holds the files to what Grafana asks of a
// dashboard, since Grafana itself is not among the test's peers.
func TestGrafanaCanLoadEachDashboard(t *testing.T) {
	known, uids := knownUnits(t), map[string]string{}
	provisioned := provisionedSources(t)
	for name, b := range shipped(t) {
		if b.SchemaVersion < 36 || b.Title == "" || len(b.UID) == 0 || len(b.UID) > 40 {
			t.Errorf("%s: schema %d, title %q, uid %q", name, b.SchemaVersion, b.Title, b.UID)
		}
		if other, twice := uids[b.UID]; twice {
			t.Errorf("%s and %s have the same uid", name, other)
		}
		uids[b.UID] = name
		checkVariables(t, name, b, provisioned)
		checkGrid(t, name, b)
		for _, p := range b.Panels {
			if p.Title == "" || len(p.Targets) == 0 {
				t.Errorf("%s: panel %d has title %q and %d queries", name, p.ID, p.Title, len(p.Targets))
			}
			units := []any{}
			if u, ok := p.FieldConfig.Defaults["unit"]; ok {
				units = append(units, u)
			}
			for _, o := range p.FieldConfig.Overrides {
				for _, property := range o.Properties {
					if property.ID == "unit" {
						units = append(units, property.Value)
					}
				}
			}
			for _, u := range units {
				if s, _ := u.(string); !known[s] && !strings.HasPrefix(s, "suffix:") {
					t.Errorf("%s: %s: %v is no unit of Grafana", name, p.Title, u)
				}
			}
		}
	}
}

// checkVariables checks that every data source is the variable, whose choice is
// one that provisioning makes, and that every variable that is used exists.
func checkVariables(t *testing.T, name string, b board, provisioned map[string]string) {
	t.Helper()
	defined := map[string]bool{"__rate_interval": true, "__interval": true, "__range": true, "timeFilter": true, "__value": true, "__field": true, "__all": true}
	var refs []*ref
	for _, v := range b.Templating.List {
		defined[v.Name] = true
		if v.Type == "datasource" {
			var plugin string
			if err := json.Unmarshal(v.Query, &plugin); err != nil || provisioned[fmt.Sprint(v.Current.Value)] != plugin {
				t.Errorf("%s: data source %v of type %s is not provisioned", name, v.Current.Value, v.Query)
			}
		}
		if v.Type == "query" {
			refs = append(refs, v.Datasource)
		}
	}
	for _, a := range b.Annotations.List {
		refs = append(refs, a.Datasource)
	}
	for _, p := range b.Panels {
		refs = append(refs, p.Datasource)
		for i, q := range p.Targets {
			refs = append(refs, q.Datasource)
			if want := string(rune('A' + i)); q.RefID != want {
				t.Errorf("%s: %s: query %q, want %s", name, p.Title, q.RefID, want)
			}
		}
	}
	for _, r := range refs {
		if r == nil || r.UID != "${datasource}" {
			t.Errorf("%s: data source %v, want the variable", name, r)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{?([a-zA-Z_]+)`).FindAllSubmatch(text, -1) {
		if v := string(m[1]); !defined[v] && !strings.HasPrefix(v, "tag_") {
			t.Errorf("%s: $%s is not defined", name, v)
		}
	}
}

// checkGrid checks that panels have ids of their own and do not overlap.
func checkGrid(t *testing.T, name string, b board) {
	t.Helper()
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range b.Panels {
		if p.ID < 1 || ids[p.ID] {
			t.Errorf("%s: panel id %d twice", name, p.ID)
		}
		ids[p.ID] = true
		g := p.GridPos
		if g.W < 3 || g.H < 3 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("%s: %s is at %+v", name, p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, twice := taken[[2]int{x, y}]; twice {
					t.Fatalf("%s: %s lies on %s", name, p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// TestLanguagesShowTheSame compares the two languages of a dashboard: only words
// may differ.
func TestLanguagesShowTheSame(t *testing.T) {
	words := regexp.MustCompile(`_(zh|en)\b`)
	same := func(s string) string { return words.ReplaceAllString(s, "") }
	boards := shipped(t)
	for name, zh := range boards {
		if !strings.Contains(name, "/zh/") {
			continue
		}
		en, ok := boards[strings.Replace(name, "/zh/", "/en/", 1)]
		if !ok || len(en.Panels) != len(zh.Panels) {
			t.Errorf("%s has no English twin with as many panels", name)
			continue
		}
		for i := range zh.Panels {
			a, b := zh.Panels[i], en.Panels[i]
			if a.Type != b.Type || a.GridPos != b.GridPos || len(a.Targets) != len(b.Targets) || (a.Description == "") != (b.Description == "") {
				t.Errorf("%s: %s is not %s", name, a.Title, b.Title)
				continue
			}
			for j := range a.Targets {
				if same(a.Targets[j].Expr) != same(b.Targets[j].Expr) || a.Targets[j].Query != b.Targets[j].Query {
					t.Errorf("%s: %s asks something else in English", name, a.Title)
				}
			}
			if !reflect.DeepEqual(a.FieldConfig.Defaults["unit"], b.FieldConfig.Defaults["unit"]) {
				t.Errorf("%s: %s has another unit in English", name, a.Title)
			}
			if regexp.MustCompile(`\p{Han}`).MatchString(b.Title + b.Description) {
				t.Errorf("%s: %s is not in English", name, b.Title)
			}
		}
	}
}

// knownUnits reads the units that Grafana has from the source of its library.
func knownUnits(t *testing.T) map[string]bool {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/grafana/grafana-foundation-sdk/go/units").Output()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "types_gen.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	ast.Inspect(parsed, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if s, err := strconv.Unquote(literal.Value); err == nil {
				known[s] = true
			}
		}
		return true
	})
	if !known["percentunit"] {
		t.Fatalf("no units among %v", slices.Sorted(maps.Keys(known)))
	}
	return known
}
