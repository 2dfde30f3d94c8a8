package dashboards_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// provisionedSources returns the type of each data source that provisioning
// makes, by its uid.
func provisionedSources(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, URL string
		}
	}
	readYAML(t, "provisioning/datasources/intact.yaml", &file)
	types, names := make(map[string]string), make(map[string]bool)
	for _, s := range file.Datasources {
		if file.APIVersion != 1 || s.URL == "" || names[s.Name] || types[s.UID] != "" {
			t.Errorf("data source %+v", s)
		}
		types[s.UID], names[s.Name] = s.Type, true
	}
	return types
}

func TestEveryFolderOfDashboardsIsProvisioned(t *testing.T) {
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type string
			Options            struct{ Path string }
		}
	}
	readYAML(t, "provisioning/dashboards/intact.yaml", &file)
	names, folders := map[string]bool{}, map[string]bool{}
	for _, p := range file.Providers {
		if file.APIVersion != 1 || p.Type != "file" || p.Folder == "" || names[p.Name] {
			t.Errorf("provider %+v", p)
		}
		names[p.Name] = true
		folders[strings.TrimPrefix(p.Options.Path, "/var/lib/grafana/dashboards/intact/")] = true
	}
	for name := range shipped(t) {
		if !folders[filepath.Dir(name)] {
			t.Errorf("%s is in a folder that is not provisioned", name)
		}
	}
}
