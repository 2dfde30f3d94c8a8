package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/app"
	"github.com/intact-gateway/intact/simulators"
)

const demoListen = "127.0.0.1:8080"

func demoCommand() *cobra.Command {
	var p places
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a simulated building with its gateway and page: no hardware, no other service",
		Args:  nothing,
		RunE:  func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), p, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&p.listen, "listen", "", "address of page and API (default "+demoListen+", or a free port if that is taken)")
	cmd.Flags().StringVar(&p.data, "data", "", "directory of the database (default a new one that is removed at the end)")
	return cmd
}

// demo plays the simulated building and runs a gateway on it until ctx ends.
func demo(ctx context.Context, p places, out io.Writer) (err error) {
	if p.data == "" {
		p.data, err = os.MkdirTemp("", "intact-demo-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(p.data)) }()
	}
	say := &narrator{out: out, began: time.Now()}
	building, err := demoBuilding(say)
	if err != nil {
		return err
	}
	playing := play(ctx, building)
	defer func() { err = errors.Join(err, playing()) }()

	c, err := configs.Load(configs.Shipped(), "sites/demo.yaml", configs.Options{Env: simulatorAddresses(building)})
	if err != nil {
		return err
	}
	a, err := app.New(app.Options{
		Config: c, Data: p.data, Listen: demoAddress(p.listen), Version: version,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	if err := a.Start(); err != nil {
		return err
	}
	say.welcome(c, a.Addr())
	say.follow(ctx, a)
	fmt.Fprintln(out, "\nstopping")
	return a.Stop(context.Background())
}

func demoBuilding(say *narrator) (*simulators.Simulation, error) {
	var plan simulators.Plan
	if err := configs.Decode(configs.Shipped(), "simulations/demo.yaml", &plan); err != nil {
		return nil, err
	}
	profiles, err := configs.Profiles()
	if err != nil {
		return nil, err
	}
	return simulators.New(plan, profiles, simulators.Options{Tell: say.happening})
}

// play runs a simulation until ctx ends; the function returned waits for its
// end.
func play(ctx context.Context, s *simulators.Simulation) func() error {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = s.Run(ctx) })
	return func() error {
		stop()
		wg.Wait()
		return err
	}
}

// simulatorAddresses answers SIM_LIFTS with where the bus "lifts" listens.
func simulatorAddresses(s *simulators.Simulation) func(string) (string, bool) {
	addrs := s.Addrs()
	return func(name string) (string, bool) {
		bus, ok := strings.CutPrefix(name, "SIM_")
		if !ok {
			return "", false
		}
		if bus == "MQTT" {
			bus = "mq"
		}
		addr, ok := addrs[strings.ToLower(bus)]
		return addr, ok
	}
}

// demoAddress returns where the demo listens: where it is told to, else the
// usual address, or a free port beside a gateway that has it already.
func demoAddress(listen string) string {
	if listen != "" {
		return listen
	}
	l, err := net.Listen("tcp", demoListen)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return demoListen
}

// narrator tells on the terminal what happens in the building and what the
// gateway makes of it.
type narrator struct {
	mu    sync.Mutex
	out   io.Writer
	began time.Time

	alerts  map[int64]string
	tickets map[int64]string
}

func (n *narrator) say(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := time.Since(n.began).Round(time.Second)
	fmt.Fprintf(n.out, "%02d:%02d  %s\n", int(t.Minutes()), int(t.Seconds())%60, fmt.Sprintf(format, args...))
}

func (n *narrator) welcome(c *configs.Config, addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintf(n.out, `%s %s: %d simulated facilities over Modbus TCP and MQTT

  open      http://%s/            (?lang=en for English)
  API       http://%s/api/v1/alerts
  metrics   http://%s/metrics

Within a minute: a pump trips, a fire detector acts, water is found and a lift
stops between floors. Each becomes an alert and a ticket on the page, and the
facility-intact rate falls below its 98 %%. Take a ticket there. Ctrl-C ends it.

`, c.Site.Name.ZH, c.Site.Name.EN, watched(c.Site), addr, addr, addr)
}

func (n *narrator) happening(h simulators.Happening) {
	if h.Begin {
		n.say("in the building         %s", h.Text().In(gateway.English))
	}
}

// follow tells of every new alert and ticket until ctx ends.
func (n *narrator) follow(ctx context.Context, a *app.App) {
	n.alerts, n.tickets = make(map[int64]string), make(map[int64]string)
	for ctx.Err() == nil {
		s := a.Snapshot()
		for _, al := range s.Alerts {
			if now := al.ShownAs(); n.alerts[int64(al.ID)] != now && now != "suppressed" {
				n.alerts[int64(al.ID)] = now
				n.say("alert  %-16s%s: %s (%s)", now, n.name(s.Site, al.Facility), al.Title.EN, al.Severity)
			}
		}
		for _, t := range s.Tickets {
			if now := string(t.State); n.tickets[int64(t.ID)] != now {
				n.tickets[int64(t.ID)] = now
				n.say("ticket %-16s%s %s: %s (%s)", now, t.Number, n.name(s.Site, t.Facility), t.Title.EN, t.Priority)
			}
		}
		select {
		case <-a.Changed(s):
		case <-ctx.Done():
		}
	}
}

func (n *narrator) name(site *gateway.Site, id gateway.FacilityID) string {
	if f := site.Facility(id); f != nil && !f.Name.IsZero() {
		return f.Name.In(gateway.English)
	}
	return string(id)
}
