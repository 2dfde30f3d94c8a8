package configs

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // small boxes come without the world's clocks

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
	"github.com/intact-gateway/intact/rules"
)

// Site is a site file as it is written.
type Site struct {
	Site     Estate `yaml:"site,required"`
	HTTP     HTTP   `yaml:"http"`
	Part     `yaml:",inline"`
	Profiles []string        `yaml:"profiles"` // files of own profiles, as patterns relative to the site file
	Rules    Rules           `yaml:"rules"`
	Alerts   alerts.Options  `yaml:"alerts"`
	Notify   notify.Config   `yaml:"notify"`
	Tickets  tickets.Options `yaml:"tickets"`
	Influx   *influx.Config  `yaml:"influx"`
	Include  []string        `yaml:"include"` // files with more buses and facilities, as patterns relative to the site file
}

// Part is what an included file may hold, too.
type Part struct {
	Buses      []drivers.Bus `yaml:"buses,keyed"`
	Facilities []Facility    `yaml:"facilities"`
}

// Estate names the site and says which clock and language people there go by.
type Estate struct {
	ID       string           `yaml:"id,required"`
	Name     gateway.Text     `yaml:"name"`
	Timezone string           `yaml:"timezone,required"`
	Language gateway.Language `yaml:"language"` // default zh
}

// HTTP is where page and API are served.
type HTTP struct {
	Listen string `yaml:"listen"` // host:port, default 127.0.0.1:8080
	Open   bool   `yaml:"open"`   // allow an address that others can reach; everybody then needs a login
	URL    string `yaml:"url"`    // by which people reach the page, for links in messages; without it there are none
}

// Facility is one facility, or one for each of Devices.
type Facility struct {
	ID          string              `yaml:"id,required"`
	Class       gateway.Class       `yaml:"class"` // default that of the profile
	Name        gateway.Text        `yaml:"name"`
	Building    string              `yaml:"building"`
	Place       string              `yaml:"place"`
	Criticality gateway.Criticality `yaml:"criticality"`
	Source      `yaml:",inline"`
	Sources     []Source `yaml:"sources"` // instead of the one source above
	Devices     []string `yaml:"devices"` // what {device} in id, name and topic stands for
	// Derive are points computed from those of all sources.
	Derive []drivers.Derived `yaml:"derive,keyed"`
}

// Source is where points of a facility come from.
type Source struct {
	Profile string        `yaml:"profile"`
	Bus     string        `yaml:"bus"`
	Unit    *int          `yaml:"unit"`   // Modbus
	Topic   string        `yaml:"topic"`  // MQTT
	Every   time.Duration `yaml:"every"`  // Modbus: over the profile's normal period
	Expect  time.Duration `yaml:"expect"` // MQTT: how often a message must come
	// Points is what is otherwise with this one device than in its profile, such
	// as the scale that its transformers make.
	Points []drivers.Point `yaml:"points,keyed"`
}

// given reports whether anything is written of the source.
func (s *Source) given() bool {
	return s.Profile != "" || s.Bus != "" || s.Unit != nil || s.Topic != "" || s.Every != 0 || s.Expect != 0 || len(s.Points) > 0
}

// Rules says which rules are held against the facilities.
type Rules struct {
	Packs []string `yaml:"packs"` // those that ship; all if left out
	Files []string `yaml:"files"` // own, as patterns relative to the site file
	// Params of all facilities of a class, of one facility, and of one for a while.
	Classes   map[gateway.Class]map[string]gateway.Quantity      `yaml:"classes"`
	Set       map[gateway.FacilityID]map[string]gateway.Quantity `yaml:"set"`
	Overrides []rules.Override                                   `yaml:"overrides"`
}

// timezones are those worth suggesting.
var timezones = []string{
	"Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Macau", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Europe/Berlin", "Europe/London", "UTC",
}

// Validate reports mistakes in the names and the clock of the site.
func (e *Estate) Validate(report gateway.Report) {
	if !gateway.ValidID(e.ID) {
		report("id", fmt.Sprintf("%q cannot be the id of a site", e.ID), "small letters, digits and -, such as lakeside")
	}
	if _, err := e.location(); err != nil {
		report("timezone", err.Error(), yaml.Suggest(e.Timezone, timezones))
	}
	languages := []string{string(gateway.Chinese), string(gateway.English)}
	if e.Language != "" && !slices.Contains(languages, string(e.Language)) {
		report("language", fmt.Sprintf("unknown language %q", e.Language), yaml.Suggest(string(e.Language), languages))
	}
}

// location returns the clock of the site. The machine's own is refused: a
// gateway that is set up anew must not move its days and months.
func (e *Estate) location() (*time.Location, error) {
	loc, err := time.LoadLocation(e.Timezone)
	if err != nil || e.Timezone == "" || e.Timezone == "Local" {
		return nil, fmt.Errorf("unknown timezone %q", e.Timezone)
	}
	return loc, nil
}

// Validate reports an address that cannot be, or that others can reach although
// nobody said so.
func (h *HTTP) Validate(report gateway.Report) {
	if u, err := url.Parse(h.URL); h.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "") {
		report("url", fmt.Sprintf("%q is not the address of a page", h.URL), "scheme and host, such as https://lakeside.example.com")
	}
	if h.Listen == "" {
		return
	}
	_, port, err := net.SplitHostPort(h.Listen)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > 65535 {
		report("listen", fmt.Sprintf("%q is not an address", h.Listen), "host:port, such as 127.0.0.1:8080")
		return
	}
	if !h.Open && !Loopback(h.Listen) {
		report("listen", fmt.Sprintf("%s can be reached by others", h.Listen), "listen on 127.0.0.1 behind a reverse proxy, or say open: true; everybody then needs a login")
	}
}

// Loopback reports whether only this machine reaches what listens on addr, which
// is host:port.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// device is the placeholder for the names in Facility.Devices.
const device = "{device}"

// one returns the facility for the device called name.
func (f Facility) one(name string) Facility {
	put := func(s string) string { return strings.ReplaceAll(s, device, name) }
	f.ID, f.Name = put(f.ID), gateway.Text{ZH: put(f.Name.ZH), EN: put(f.Name.EN)}
	return f
}
