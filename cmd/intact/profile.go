package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/configs/yaml"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

func profileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Try device profiles without a device, and make one from a register table",
		Args:  nothing,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(profileTestCommand(), profileImportCommand())
	return cmd
}

// anywhere opens files by the names that the shell knows them by.
type anywhere struct{}

func (anywhere) Open(name string) (fs.File, error) { return os.Open(name) }

// sampleResult is what became of one sample of a profile.
type sampleResult struct {
	Profile string   `json:"profile"`
	Sample  int      `json:"sample"`
	At      string   `json:"at"`
	Passed  bool     `json:"passed"`
	Faults  []string `json:"faults,omitempty"`
}

func profileTestCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test [NAME | FILE]...",
		Short: "Read the samples of the profiles in files, or of those that ship, as the drivers would",
		RunE: func(cmd *cobra.Command, args []string) error {
			profiles, err := profilesOf(args)
			if err != nil {
				return err
			}
			var results []sampleResult
			failed := 0
			for _, p := range profiles {
				for i := range p.Samples {
					r := sampleResult{Profile: p.Name, Sample: i, At: place(p, i), Passed: true}
					for _, err := range p.TestSample(i) {
						r.Passed = false
						r.Faults = append(r.Faults, err.Error())
					}
					if !r.Passed {
						failed++
					}
					results = append(results, r)
				}
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(results)
			} else {
				tellSamples(cmd.OutOrStdout(), profiles, results)
			}
			if failed > 0 {
				return fmt.Errorf("%d of %d samples do not come out", failed, len(results))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the results as JSON")
	return cmd
}

// profilesOf returns the profiles that are meant by the names of those that ship
// and of files; all that ship if there are none.
func profilesOf(args []string) ([]*drivers.Profile, error) {
	ship, err := configs.ReadProfiles(anywhere{}, nil)
	if err != nil || len(args) == 0 {
		return ship, err
	}
	known := make([]string, len(ship))
	for i, p := range ship {
		known[i] = p.Name
	}
	var profiles []*drivers.Profile
	var files []string
	for _, arg := range args {
		switch at := slices.Index(known, arg); {
		case at >= 0:
			profiles = append(profiles, ship[at])
		case filepath.Ext(arg) == "":
			return nil, fmt.Errorf("%q is neither a profile that ships nor a YAML file; %s", arg, yaml.Suggest(arg, known))
		default:
			files = append(files, arg)
		}
	}
	if len(files) > 0 {
		own, err := configs.ReadProfiles(anywhere{}, files)
		if err != nil {
			return nil, err
		}
		profiles = append(profiles, own...)
	}
	return profiles, nil
}

// place says where sample i of p lies: its table and first register, or that it
// is a message.
func place(p *drivers.Profile, i int) string {
	if p.Protocol == drivers.MQTT {
		return "message"
	}
	v := p.Samples[i]
	return fmt.Sprintf("%s %d", v.Table, v.At)
}

// tellSamples prints the results for people, with what is left in doubt.
func tellSamples(out io.Writer, profiles []*drivers.Profile, results []sampleResult) {
	for _, r := range results {
		word := "pass"
		if !r.Passed {
			word = "FAIL"
		}
		fmt.Fprintf(out, "%s  %-24s samples[%d] %s\n", word, r.Profile, r.Sample, r.At)
		for _, fault := range r.Faults {
			fmt.Fprintf(out, "      %s\n", fault)
		}
	}
	for _, p := range profiles {
		if len(p.Samples) == 0 {
			fmt.Fprintf(out, "none  %-24s has no samples\n", p.Name)
		}
		var doubtful []string
		for i := range p.Points {
			if p.Points[i].Verify {
				doubtful = append(doubtful, p.Points[i].Name)
			}
		}
		if len(doubtful) > 0 {
			fmt.Fprintf(out, "note  %-24s to be verified on a device: %s\n", p.Name, strings.Join(doubtful, ", "))
		}
	}
}

func profileImportCommand() *cobra.Command {
	var name, class, numbering string
	cmd := &cobra.Command{
		Use:   "import FILE.csv",
		Short: "Draft a profile from a maker's register table, with a list of what was guessed",
		Args:  between(1, 1, "name the register table, a CSV file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			if name == "" {
				base := filepath.Base(args[0])
				name = strings.TrimSuffix(base, filepath.Ext(base))
			}
			draft, err := drivers.ImportTable(f, drivers.ImportOptions{
				File: filepath.Base(args[0]), Name: name, Class: gateway.Class(class), Numbering: numbering,
			})
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if _, err := cmd.OutOrStdout().Write(draft.YAML); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d points, %d things to look at: they stand at the top of the draft\n", draft.Points, draft.Guesses)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "of the profile; by default that of the file")
	cmd.Flags().StringVar(&class, "class", "", "of the device, such as pump")
	cmd.Flags().StringVar(&numbering, "numbering", "", "how the table counts registers: wire_0based, manual_1based, modicon5 or modicon6")
	return cmd
}
