package simulators_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/simulators"
)

var update = flag.Bool("update", false, "write golden files anew")

// TestTheSchemaIsThatInTheFolder keeps what editors know of simulation files in
// step with what is read.
func TestTheSchemaIsThatInTheFolder(t *testing.T) {
	const path = "../configs/schema/simulation.schema.json"
	want, err := yaml.Schema("Intact simulation file", simulators.Plan{}, yaml.Words{})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is old, run with -update (-want +got):\n%s", path, diff)
	}
}
