package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/rules/replay"
)

// replayFlags are what intact replay is told.
type replayFlags struct {
	config, against, rules string
	ignoreUnknown, asJSON  bool
	gap                    time.Duration
}

func replayCommand() *cobra.Command {
	var o replayFlags
	cmd := &cobra.Command{
		Use:   "replay --config site.yaml FILE...",
		Short: "Say what the rules would have done on recorded data, and what would have been missed",
		Long: `Say what the rules would have done on recorded data: how often each would have
told of a fault, what it chattered, and what would stop that.

The files are CSV with the columns time,point,value,quality, or time and one
column for each point, or NDJSON with the same names; gzip is unpacked. With
--against or --rules the recording is played to two versions of the rules: how
often each would have told of a fault, before and after, and which faults the
site as it is would have missed.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.against != "" && o.rules != "" {
				return errors.New("--against and --rules both say what to compare with: give one")
			}
			return between(1, -1, "name a recording: a CSV or NDJSON file")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			files := &recordings{names: args, ignore: o.ignoreUnknown, errs: cmd.ErrOrStderr()}
			c, err := o.load(cmd, o.config)
			if err != nil {
				return err
			}
			files.other = append(files.other, c.Site)
			before, err := o.before(cmd, c)
			if err != nil {
				return err
			}
			if before != nil {
				files.other = append(files.other, before.Site)
				err = o.compare(cmd, before, c, files)
			} else {
				err = o.run(cmd, c, files)
			}
			files.warnUnknown()
			return err
		},
	}
	cmd.Flags().StringVar(&o.config, "config", "", "the site file")
	cmd.Flags().StringVar(&o.against, "against", "", "another site file, to compare the rules with")
	cmd.Flags().StringVar(&o.rules, "rules", "", "another file of own rules, to compare those of the site with")
	cmd.Flags().DurationVar(&o.gap, "gap", time.Hour, "time without any sample after which nothing is known any more; 0 for never")
	cmd.Flags().BoolVar(&o.ignoreUnknown, "ignore-unknown", false, "pass over points that the site does not have")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the result as JSON on standard output")
	return cmd
}

// load reads a site file. Whether its lines can keep up does not matter here.
func (o *replayFlags) load(cmd *cobra.Command, path string) (*configs.Config, error) {
	c, err := readSite(path, configs.Options{Env: os.LookupEnv, AnyLoad: true})
	return c, explain(cmd, path, err)
}

// explain prints the mistakes of a file, and returns what is wrong in one line.
func explain(cmd *cobra.Command, path string, err error) error {
	if faults, ok := errors.AsType[*configs.Errors](err); ok {
		fmt.Fprintln(cmd.ErrOrStderr(), faults)
		return mistakes(path, faults)
	}
	return err
}

// before returns what the site is compared with, nil for nothing.
func (o *replayFlags) before(cmd *cobra.Command, c *configs.Config) (*configs.Config, error) {
	switch {
	case o.against != "":
		return o.load(cmd, o.against)
	case o.rules != "":
		before, err := c.WithRules(os.DirFS(filepath.Dir(o.rules)), filepath.Base(o.rules))
		return before, explain(cmd, o.rules, err)
	default:
		return nil, nil
	}
}

func planOf(c *configs.Config) *replay.Plan {
	return &replay.Plan{Site: c.Site, Packs: c.Packs, Settings: c.Settings, Tickets: c.Tickets, Notify: c.Notify}
}

// run replays the rules of one site and looks for what would quieten them.
func (o *replayFlags) run(cmd *cobra.Command, c *configs.Config, files *recordings) error {
	plan, options := planOf(c), replay.Options{Gap: o.gap}
	var report *replay.Report
	err := files.pass("replaying", 1, func(open replay.Open) (err error) {
		report, err = replay.Run(cmd.Context(), plan, open, options)
		return err
	})
	if err != nil {
		return err
	}
	if err := somethingIn(report); err != nil {
		return err
	}
	var suggested []replay.Suggestion
	if chatters(report) {
		err := files.pass("trying other settings", 1, func(open replay.Open) (err error) {
			suggested, err = replay.Suggest(cmd.Context(), plan, report.Rules, open, options)
			return err
		})
		if err != nil {
			return err
		}
	}
	if o.asJSON {
		return printReplayJSON(cmd.OutOrStdout(), c.Site, report, suggested, files.unknown())
	}
	printReplay(cmd.OutOrStdout(), c.Site, report, suggested)
	return nil
}

// somethingIn returns an error if nothing was recorded: what the rules make of
// that tells nobody anything.
func somethingIn(r *replay.Report) error {
	if r.Samples == 0 {
		return errors.New("the recording holds no sample")
	}
	return nil
}

func chatters(r *replay.Report) bool {
	for _, rule := range r.Rules {
		if rule.Chatter > 0 {
			return true
		}
	}
	return false
}

// compare replays the rules of two sites side by side.
func (o *replayFlags) compare(cmd *cobra.Command, before, after *configs.Config, files *recordings) error {
	var c *replay.Comparison
	err := files.pass("replaying", 2, func(open replay.Open) (err error) {
		c, err = replay.Compare(cmd.Context(), planOf(before), planOf(after), open, replay.Options{Gap: o.gap})
		return err
	})
	if err != nil {
		return err
	}
	if err := somethingIn(c.After); err != nil {
		return err
	}
	if o.asJSON {
		return printComparisonJSON(cmd.OutOrStdout(), after.Site, c, files.unknown())
	}
	printComparison(cmd.OutOrStdout(), after.Site, c)
	return nil
}
