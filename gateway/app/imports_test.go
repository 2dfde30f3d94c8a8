package app_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/intact-gateway/intact/"

// allowed says which of our own packages each package may import directly, and
// why. A package that is not listed may not exist.
var allowed = map[string]struct {
	may []string
	why string
}{
	"gateway":                   {nil, "the words depend on nothing"},
	"gateway/formula":           {[]string{"gateway"}, "an expression over points knows neither who measures them nor who judges them"},
	"gateway/recording":         {[]string{"gateway"}, "what was recorded is samples, whoever looks at them"},
	"drivers/modbus":            {[]string{"gateway"}, "a driver turns bytes into samples and knows nothing else"},
	"drivers/mqtt":              {[]string{"gateway"}, "a driver turns bytes into samples and knows nothing else"},
	"drivers":                   {[]string{"gateway", "gateway/formula", "drivers/modbus", "drivers/mqtt"}, "drivers never see rules or alerts"},
	"rules":                     {[]string{"gateway", "gateway/formula"}, "rules never see drivers"},
	"rules/ruletest":            {[]string{"gateway", "gateway/formula", "rules", "alerts", "alerts/chain", "alerts/tickets", "alerts/notify"}, "a rule test says what people must hear of, and plays samples through all that decides it"},
	"rules/replay":              {[]string{"gateway", "rules", "alerts", "alerts/chain", "alerts/tickets", "alerts/notify"}, "a replay says what people would have heard of, from samples wherever they come from"},
	"alerts":                    {[]string{"gateway", "rules"}, "an alert follows a rule, not the reverse"},
	"alerts/tickets":            {[]string{"gateway", "rules", "alerts"}, "a ticket follows an alert, not the reverse"},
	"alerts/roster":             {[]string{"gateway"}, "who is on duty is a matter of people and dates, whatever the alert"},
	"alerts/acklink":            {[]string{"gateway", "alerts"}, "a link stands for an alert, whoever is sent it"},
	"alerts/notify":             {[]string{"gateway", "rules", "alerts", "alerts/acklink", "alerts/tickets", "alerts/roster"}, "a notice tells people of an alert and its ticket"},
	"alerts/chain":              {[]string{"gateway", "rules", "alerts", "alerts/tickets", "alerts/notify"}, "the machines in the order of the live loop, without its disk and its clock"},
	"gateway/intact":            {[]string{"gateway", "rules", "alerts"}, "the rate is counted from alerts, whoever stores them"},
	"gateway/access":            {nil, "who may come in has nothing to do with what the building does"},
	"gateway/store":             {[]string{"gateway", "rules", "alerts", "alerts/tickets", "alerts/notify", "gateway/intact"}, "the store keeps what others decide"},
	"gateway/pipeline":          {[]string{"gateway", "rules", "alerts", "alerts/tickets", "alerts/notify", "gateway/intact", "gateway/store"}, "the loop joins the machines, and no driver, page or file"},
	"gateway/report":            {[]string{"gateway", "rules", "alerts", "alerts/tickets", "gateway/intact"}, "a report counts rows, wherever they are kept"},
	"gateway/telemetry/sieve":   {[]string{"gateway"}, "what is worth storing is a matter of samples"},
	"gateway/telemetry/influx":  {[]string{"gateway", "gateway/telemetry/sieve", "gateway/telemetry/spool"}, "an output sees samples only"},
	"gateway/telemetry/spool":   {[]string{"gateway"}, "what is kept on disk is bytes, whoever they are for"},
	"gateway/telemetry/metrics": {[]string{"gateway", "rules", "drivers", "alerts", "alerts/notify", "alerts/tickets", "gateway/intact", "gateway/pipeline", "gateway/telemetry/influx"}, "metrics read what others count"},
	"gateway/web":               {[]string{"gateway", "gateway/access", "rules", "alerts", "alerts/acklink", "alerts/tickets", "gateway/intact", "gateway/pipeline", "gateway/report", "gateway/store"}, "pages read the snapshot and send commands"},
	"configs":                   {[]string{"gateway", "gateway/formula", "drivers", "rules", "rules/ruletest", "alerts", "alerts/tickets", "alerts/roster", "alerts/notify", "gateway/telemetry/influx", "configs/yaml"}, "configs knows every part's configuration and no running part"},
	"configs/yaml":              {[]string{"gateway"}, "decoding knows positions, not meaning"},
	"configs/dashboards":        {[]string{"gateway"}, "dashboards are written from the words of the site; what runs never sees them"},
	"simulators/plant":          {[]string{"gateway"}, "physics knows no wire"},
	"simulators/modbus":         {[]string{"gateway", "drivers", "simulators/plant"}, "the simulator reads profiles as data and never uses the driver's codec"},
	"simulators/mqtt":           {nil, "a broker and a publisher"},
	"simulators":                {[]string{"gateway", "drivers", "simulators/plant", "simulators/modbus", "simulators/mqtt"}, "a simulated building never sees the gateway that watches it"},
	"gateway/app":               {[]string{"*"}, "app builds every part"},
	"cmd/intact":                {[]string{"*"}, "the command wires app, configs and simulators"},
}

// onlyFrom says who alone may import a package or a mandated library.
var onlyFrom = map[string]struct {
	may []string
	why string
}{
	module + "configs":                               {[]string{"gateway/app", "cmd/intact"}, "parts take their configuration, they do not look for it"},
	module + "gateway/app":                           {[]string{"cmd/intact"}, "nobody but the command starts a gateway"},
	module + "simulators":                            {[]string{"cmd/intact"}, "simulators are not part of the product"},
	"github.com/goburrow/modbus":                     {[]string{"drivers/modbus"}, "its transports hold faults that only our transport fences in"},
	"github.com/eclipse/paho.mqtt.golang":            {[]string{"drivers/mqtt", "simulators/mqtt"}, "its faults are fenced in once"},
	"github.com/influxdata/influxdb-client-go/v2":    {[]string{"gateway/telemetry/influx"}, "its asynchronous writer loses points"},
	"github.com/prometheus/client_golang/prometheus": {[]string{"gateway/telemetry/metrics"}, "other parts count; one part exports"},
	module + "configs/dashboards":                    {nil, "Grafana's library stays out of the product"},
	"modernc.org/sqlite":                             {[]string{"gateway/store"}, "one owner of the database"},
	"github.com/goccy/go-yaml":                       {[]string{"configs/yaml", "configs"}, "owners of configuration never see YAML"},
}

func TestImportsRunOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg, imports := strings.TrimPrefix(words[0], module), words[1:]
		rule, known := allowed[pkg]
		if !known {
			t.Errorf("%s is not in the list: say what it may import and why", pkg)
			continue
		}
		for _, imp := range imports {
			own, ours := strings.CutPrefix(imp, module)
			if ours && !permitted(rule.may, own) {
				t.Errorf("%s imports %s: %s", pkg, own, rule.why)
			}
			if owner, limited := onlyFrom[imp]; limited && !permitted(owner.may, pkg) {
				t.Errorf("%s imports %s, which only %v may: %s", pkg, imp, owner.may, owner.why)
			}
		}
	}
}

func permitted(list []string, pkg string) bool {
	for _, p := range list {
		if p == pkg || p == "*" {
			return true
		}
	}
	return false
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}|{{.Doc}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if pkg, doc, _ := strings.Cut(strings.TrimSpace(line), "|"); doc == "" {
			t.Errorf("%s has no package comment", pkg)
		}
	}
}

// A test that is skipped is silent in a plain run. The README says how to list
// what was lacking, and finds it by these words. Inputs that a fuzz target does
// not want, and a test that is the other process of a test, lack nothing.
func TestASkippedTestNamesThePackageItLacks(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{$d := .Dir}}{{range .TestGoFiles}}{{$d}}/{{.}}|{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}|{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	skip := regexp.MustCompile(`\b[tb]\.Skip(Now|f)?\((.*)\)`)
	lacksNothing := regexp.MustCompile(`^("only for .*")?$`)
	skips := 0
	for file := range strings.FieldsFuncSeq(string(out), func(r rune) bool { return r == '|' || r == '\n' }) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range skip.FindAllSubmatch(text, -1) {
			skips++
			if !strings.Contains(string(s[2]), "is missing: apt-get install ") && !lacksNothing.Match(s[2]) {
				t.Errorf("%s: %s does not say: X is missing: apt-get install Y", file, s[0])
			}
		}
	}
	if skips == 0 {
		t.Error("no test looks for a peer: is this looking in the right place?")
	}
}
