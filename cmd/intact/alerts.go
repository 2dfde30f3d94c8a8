package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/gateway"
)

// console is how the commands for operators speak with a running gateway.
type console struct {
	url      string
	language string
	asJSON   bool
}

func (c *console) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.url, "url", "http://127.0.0.1:8080", "where the gateway listens")
	cmd.Flags().StringVar(&c.language, "lang", "", "zh or en; default that of the terminal")
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print one JSON object for each alert")
}

// words returns the language to print in.
func (c *console) words() gateway.Language {
	said := cmp.Or(c.language, os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))
	if strings.HasPrefix(said, string(gateway.Chinese)) {
		return gateway.Chinese
	}
	return gateway.English
}

func alertsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "See the alerts of a running gateway, acknowledge and shelve them",
		Args:  nothing,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(alertsListCommand(), alertsAckCommand(), alertsShelveCommand(), alertsWatchCommand())
	return cmd
}

func alertsListCommand() *cobra.Command {
	var c console
	var state string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the open alerts, the worst first",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []json.RawMessage
			if err := askAll(cmd.Context(), c.url, "alerts", url.Values{"state": {state}}, &list); err != nil {
				return err
			}
			names, err := c.facilityNames(cmd.Context())
			if err != nil {
				return err
			}
			return c.print(cmd.OutOrStdout(), list, names)
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&state, "state", "open", "open, closed or all")
	return cmd
}

func alertsAckCommand() *cobra.Command {
	var c console
	var by, note string
	cmd := &cobra.Command{
		Use:   "ack ID... --by NAME",
		Short: "Acknowledge alerts: you take them in hand",
		Args:  signed,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.act(cmd, args, "ack", map[string]any{"by": by, "note": note})
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&by, "by", "", "your name, as it will be on record")
	cmd.Flags().StringVar(&note, "note", "", "what is being done")
	return cmd
}

func alertsShelveCommand() *cobra.Command {
	var c console
	var by, second, reason string
	var period time.Duration
	cmd := &cobra.Command{
		Use:   "shelve ID... --by NAME --reason TEXT [--for 4h]",
		Short: "Put alerts aside for a while: nobody is told of them until then",
		Args:  signed,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.act(cmd, args, "shelve", map[string]any{"by": by, "second": second, "reason": reason, "for": period.Seconds()})
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&by, "by", "", "your name, as it will be on record")
	cmd.Flags().StringVar(&second, "second", "", "the name of a second person, where lives hang on it")
	cmd.Flags().StringVar(&reason, "reason", "", "why nobody may be told")
	cmd.Flags().DurationVar(&period, "for", time.Hour, "for how long, 1m to 24h")
	return cmd
}

// signed is for an act on alerts: it names them, who acts and, where the command
// asks for it, why.
func signed(cmd *cobra.Command, args []string) error {
	if err := between(1, -1, "name the numbers of the alerts: intact alerts list shows them")(cmd, args); err != nil {
		return err
	}
	for _, flag := range []struct{ name, ask string }{{"by", "say who acts: --by NAME"}, {"reason", "say why: --reason TEXT"}} {
		if f := cmd.Flags().Lookup(flag.name); f != nil && f.Value.String() == "" {
			return errors.New(flag.ask)
		}
	}
	return nil
}

// act does the same to each of the alerts and prints them as they are then. What
// one is refused for keeps it from no other.
func (c *console) act(cmd *cobra.Command, ids []string, what string, body map[string]any) error {
	for _, id := range ids {
		if _, err := strconv.ParseUint(id, 10, 63); err != nil {
			return fmt.Errorf("%q is no number of an alert: intact alerts list shows them", id)
		}
	}
	names, err := c.facilityNames(cmd.Context())
	if err != nil {
		return err
	}
	var done []json.RawMessage
	var failed []error
	for _, id := range ids {
		var a json.RawMessage
		if err := tell(cmd.Context(), c.url, "alerts/"+id+"/"+what, body, &a); err != nil {
			failed = append(failed, fmt.Errorf("alert %s: %w", id, err))
			continue
		}
		done = append(done, a)
	}
	if len(done) > 0 {
		failed = append(failed, c.print(cmd.OutOrStdout(), done, names))
	}
	return errors.Join(failed...)
}

// facilityNames returns what people call the facilities.
func (c *console) facilityNames(ctx context.Context) (map[gateway.FacilityID]gateway.Text, error) {
	var list []struct {
		ID   gateway.FacilityID `json:"id"`
		Name gateway.Text       `json:"name"`
	}
	err := askAll(ctx, c.url, "facilities", nil, &list)
	names := make(map[gateway.FacilityID]gateway.Text, len(list))
	for _, f := range list {
		names[f.ID] = f.Name
	}
	return names, err
}

// listedAlert is what a line of the list says of an alert.
type listedAlert struct {
	ID       int64              `json:"id"`
	Facility gateway.FacilityID `json:"facility"`
	Title    gateway.Text       `json:"title"`
	Severity string             `json:"severity"`
	ShownAs  string             `json:"shown_as"`
	AckedBy  string             `json:"acked_by"`
	Value    *float64           `json:"value"`
	Limit    *float64           `json:"limit"`
	Unit     string             `json:"unit"`
	Started  *time.Time         `json:"started"`
	Shelf    *struct {
		By    string     `json:"by"`
		Until *time.Time `json:"until"`
	} `json:"shelf"`
}

// print writes alerts as a table, the worst first, or as they came.
func (c *console) print(w io.Writer, list []json.RawMessage, names map[gateway.FacilityID]gateway.Text) error {
	if c.asJSON {
		for _, raw := range list {
			fmt.Fprintln(w, string(raw))
		}
		return nil
	}
	var rows []listedAlert
	for _, raw := range list {
		var a listedAlert
		if err := json.Unmarshal(raw, &a); err != nil {
			return fmt.Errorf("the gateway answers what this program does not know: %w", err)
		}
		rows = append(rows, a)
	}
	slices.SortStableFunc(rows, func(a, b listedAlert) int { return cmp.Compare(urgency(b), urgency(a)) })
	table := make([][]string, 0, len(rows))
	for _, a := range rows {
		table = append(table, a.cells(names, c.words()))
	}
	if len(table) == 0 {
		fmt.Fprintln(w, gateway.Text{ZH: "没有报警", EN: "no alerts"}.In(c.words()))
	}
	printTable(w, "", table)
	return nil
}

// alertWords are the words of the API as people read them.
var alertWords = map[string]gateway.Text{
	"life_safety": {ZH: "生命安全", EN: "LIFE SAFETY"}, "critical": {ZH: "紧急", EN: "CRITICAL"}, "warning": {ZH: "一般", EN: "warning"}, "info": {ZH: "提示", EN: "info"},
	"unacknowledged": {ZH: "未确认", EN: "unacknowledged"}, "acknowledged": {ZH: "已确认", EN: "acknowledged"}, "returned": {ZH: "已恢复未确认", EN: "returned"},
	"suppressed": {ZH: "随主因隐藏", EN: "hidden by its cause"}, "shelved": {ZH: "已搁置", EN: "shelved"}, "closed": {ZH: "已关闭", EN: "closed"},
}

// urgency orders alerts: by how bad they are, and among those what nobody has
// seen to.
func urgency(a listedAlert) int {
	severity := slices.Index([]string{"info", "warning", "critical", "life_safety"}, a.Severity)
	if a.ShownAs == "unacknowledged" {
		return 2*severity + 1
	}
	return 2 * severity
}

// cells returns the line of an alert: number, how bad, how it stands, where, what,
// the value, since when and who has it in hand.
func (a *listedAlert) cells(names map[gateway.FacilityID]gateway.Text, l gateway.Language) []string {
	said := func(word string) string { return cmp.Or(alertWords[word].In(l), word) }
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	value, since, who := "", "", a.AckedBy
	if a.Value != nil && a.Limit != nil {
		value = number(*a.Value) + " / " + number(*a.Limit) + " " + a.Unit
	}
	if a.Started != nil {
		since = a.Started.Format("01-02 15:04:05")
	}
	if a.Shelf != nil {
		who = a.Shelf.By
		if a.Shelf.Until != nil {
			who += gateway.Text{ZH: " 至 ", EN: " until "}.In(l) + a.Shelf.Until.Format("01-02 15:04")
		}
	}
	return []string{
		fmt.Sprintf("#%d", a.ID), said(a.Severity), said(a.ShownAs), cmp.Or(names[a.Facility].In(l), string(a.Facility)), a.Title.In(l), value, since, who,
	}
}
