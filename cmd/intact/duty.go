package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

func dutyCommand() *cobra.Command {
	var config, at string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "duty --config site.yaml [--at 2026-10-01T03:00]",
		Short: "Say who is on duty now, or at another time by the clock of the site",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readSite(config, configs.Options{Env: os.LookupEnv})
			var faults *configs.Errors
			if errors.As(err, &faults) {
				fmt.Fprintln(cmd.ErrOrStderr(), faults)
				return mistakes(config, faults)
			} else if err != nil {
				return err
			}
			if c.Roster == nil {
				return errors.New("the site file names no roster (tickets: {roster: roster.yaml})")
			}
			when, err := clockTime(at, c.Site.Location)
			if err != nil {
				return err
			}
			if asJSON {
				return printDutyJSON(cmd.OutOrStdout(), c, when)
			}
			printDuty(cmd.OutOrStdout(), c, when)
			return nil
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the site file")
	cmd.Flags().StringVar(&at, "at", "", "a time by the clock of the site, such as 2026-10-01T03:00, or with its zone; default now")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// clockTime reads a time in the zone loc, or with a zone of its own; now for "".
func clockTime(text string, loc *time.Location) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write it as 2026-10-01T03:00", text)
}

// printDuty says who is on duty at a time, in the language of the site.
func printDuty(w io.Writer, c *configs.Config, at time.Time) {
	loc, zh := c.Site.Location, c.Site.Language != gateway.English
	on := c.Roster.On(gateway.InstantOf(at))
	clock := at.In(loc).Format("2006-01-02 15:04 MST")
	switch {
	case len(on) == 0 && zh:
		fmt.Fprintf(w, "%s 无人值班：报警将通知所有未休假人员\n", clock)
		return
	case len(on) == 0:
		fmt.Fprintf(w, "nobody is on duty at %s: all who are not on leave would be called\n", clock)
		return
	case zh:
		fmt.Fprintf(w, "%s 值班人员：\n", clock)
	default:
		fmt.Fprintf(w, "on duty at %s:\n", clock)
	}
	until, instead := "until", "in place of"
	if zh {
		until, instead = "至", "替"
	}
	var rows [][]string
	for _, d := range on {
		note := ""
		if d.For != "" {
			p, _ := c.Roster.Person(d.For)
			note = instead + " " + p.Name
		}
		rows = append(rows, []string{
			d.Name, cmp.Or(d.Mobile, d.Mail, d.Receiver, "-"), tradeNames(d.Trades, c.Site.Language), until + " " + d.To.In(loc).Format("01-02 15:04"), note,
		})
	}
	printTable(w, "  ", rows)
}

func tradeNames(trades []roster.Trade, l gateway.Language) string {
	var names []string
	for _, t := range trades {
		names = append(names, t.Name().In(l))
	}
	return cmp.Or(strings.Join(names, ", "), "-")
}

func printDutyJSON(w io.Writer, c *configs.Config, at time.Time) error {
	type duty struct {
		Person string         `json:"person"`
		Name   string         `json:"name"`
		Trades []roster.Trade `json:"trades"`
		Shift  string         `json:"shift"`
		From   time.Time      `json:"from"`
		To     time.Time      `json:"to"`
		For    string         `json:"for,omitempty"`
	}
	loc := c.Site.Location
	items := []duty{}
	for _, d := range c.Roster.On(gateway.InstantOf(at)) {
		items = append(items, duty{d.ID, d.Name, d.Trades, d.Shift, d.From.In(loc), d.To.In(loc), d.For})
	}
	return json.NewEncoder(w).Encode(struct {
		At    time.Time `json:"at"`
		Items []duty    `json:"items"`
	}{at.In(loc), items})
}
