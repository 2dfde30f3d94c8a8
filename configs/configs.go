// Package configs reads a site file with all it refers to, and holds what ships
// with the gateway: device profiles, rule packs, the demo site.
//
// Load tells of every mistake at once, each with its place and how to mend it.
// What it returns without an error is complete: all parts of a gateway can be
// built from it. Each part owns and checks its own piece of configuration; what
// is checked here is how the pieces fit together. Values from the environment
// never appear in messages.
package configs

import (
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
	"github.com/intact-gateway/intact/rules"
)

// Options say where Load takes from what is not in files.
type Options struct {
	// Env gives the values of ${NAME}; nil for the environment of the process.
	Env func(name string) (value string, ok bool)
	// Dir is the folder of the machine that the configuration is read from. Names
	// of secrets and certificates that are relative begin there; "" for the working
	// directory.
	Dir string
	// AnyLoad takes lines that cannot keep up, too.
	AnyLoad bool
	// Places keeps where everything is written, for Explain.
	Places bool
	// Now is the time at which overrides are in force or over, and from which on
	// the roster is looked through; zero for that of the machine.
	Now time.Time
}

// Config is everything a gateway is built from.
type Config struct {
	Site     *gateway.Site // with the facilities of the lines and of the gateway itself
	HTTP     HTTP
	Buses    []drivers.Bus
	Devices  []drivers.Device
	Profiles map[string]*drivers.Profile // those that ship and the site's own, complete
	Packs    []rules.Pack
	Settings rules.Settings
	Notify   notify.Config
	Alerts   alerts.Options
	Tickets  tickets.Options
	Roster   *roster.Roster // nil for none
	Influx   *influx.Config // nil for none
	// Instances is how many rules are at work, counted once for each facility.
	Instances int
	// Features is how much rules look back at, and FeatureBytes the memory that
	// this takes, whatever comes.
	Features, FeatureBytes int
	// Unread is how many points no rule looks at.
	Unread   int
	Warnings []yaml.Problem

	rules   Rules   // as they are written
	written *loader // nil unless Options.Places
}

// Errors are all mistakes of a site file and of the files it refers to.
type Errors struct {
	Problems []yaml.Problem `json:"problems"`
}

// Error returns one line for each mistake: "file:line:col: message (hint)".
func (e *Errors) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Load reads the site file called name in fsys. File names in it are relative
// to it and stay within fsys; those of secrets and certificates are names of the
// machine. The error is an *Errors unless the site file itself cannot be opened.
func Load(fsys fs.FS, name string, o Options) (*Config, error) {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	src, err := readAll(fsys, name)
	if err != nil {
		return nil, err
	}
	l := newLoader(fsys, name, o)
	c := l.load(src)
	if len(l.problems()) == 0 && !o.AnyLoad {
		l.checkLoads(c)
	}
	if problems := l.problems(); len(problems) > 0 {
		return nil, &Errors{Problems: problems}
	}
	c.Warnings = l.warnings
	if o.Places {
		c.written = l
	}
	return c, nil
}

// Decode reads the one document in the file called name into v, a pointer, with
// the environment of the process, and has v validate itself if it can. The error
// is an *Errors unless the file cannot be opened.
func Decode(fsys fs.FS, name string, v any) error {
	src, err := readAll(fsys, name)
	if err != nil {
		return err
	}
	docs, problems := yaml.Read(name, src, yaml.Options{Env: os.LookupEnv})
	for _, d := range docs {
		d.Decode(v)
		validate(v, d.Report)
		problems = append(problems, d.Problems()...)
	}
	if len(problems) > 0 {
		return &Errors{Problems: problems}
	}
	return nil
}

// validate has v check itself if it can.
func validate(v any, report gateway.Report) {
	if v, ok := v.(interface{ Validate(gateway.Report) }); ok {
		v.Validate(report)
	}
}
