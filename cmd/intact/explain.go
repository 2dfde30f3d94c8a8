package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

func explainCommand() *cobra.Command {
	var config, lang, url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain NAME --config site.yaml",
		Short: "Say all there is to know of a point, a rule or a limit of a facility",
		Long: "Say where a point is found, in every notation, how it is read and who looks at it;\n" +
			"what a rule holds it against, and where each limit is written; or what a limit is and\n" +
			"what it stands in for. With --url also how a running gateway sees it now.\n\n" +
			"NAME is facility/point, facility/rule, facility/rule/point or facility/limit.",
		Args: between(1, 1, "name what to explain: a point, a rule, or both as facility/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := readSite(config, configs.Options{Env: os.LookupEnv, AnyLoad: true, Places: true})
			var faults *configs.Errors
			if errors.As(err, &faults) {
				fmt.Fprintln(cmd.ErrOrStderr(), faults)
				return mistakes(config, faults)
			} else if err != nil {
				return err
			}
			e, err := c.Explain(args[0])
			if err != nil {
				return err
			}
			if url != "" {
				now, err := askLive(cmd.Context(), url, c.Site.ID, e)
				if err != nil {
					return err
				}
				e.Sections = append([]configs.ExplainSection{now}, e.Sections...)
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(e)
			}
			language := c.Site.Language
			if lang != "" {
				language = gateway.Language(lang)
			}
			if language != gateway.Chinese && language != gateway.English {
				return fmt.Errorf("unknown language %q: want zh or en", lang)
			}
			return printExplanation(cmd.OutOrStdout(), e, language)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the site file")
	cmd.Flags().StringVar(&lang, "lang", "", "zh or en; by default the language of the site")
	cmd.Flags().StringVar(&url, "url", "", "a running gateway, such as http://127.0.0.1:8080, to tell how things stand now")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the explanation as JSON, in both languages")
	return cmd
}

// printExplanation prints an explanation for people: sections with their facts,
// the values one below the other.
func printExplanation(w io.Writer, e *configs.Explanation, lang gateway.Language) error {
	widest := 0
	for _, s := range e.Sections {
		for _, f := range s.Facts {
			widest = max(widest, columns(f.Label.In(lang)))
		}
	}
	fmt.Fprintf(w, "%s  %s\n", e.Name, e.Title.In(lang))
	for _, s := range e.Sections {
		if len(s.Facts) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", s.Title.In(lang))
		before := ""
		for _, f := range s.Facts {
			label := f.Label.In(lang)
			pad := strings.Repeat(" ", widest-columns(label))
			if label == before {
				label, pad = "", strings.Repeat(" ", widest) // one of several
			} else {
				before = label
			}
			if _, err := fmt.Fprintf(w, "  %s%s  %s\n", label, pad, f.Value.In(lang)); err != nil {
				return err
			}
		}
	}
	return nil
}

// columns returns how wide a terminal shows s: a Chinese character takes two.
func columns(s string) (n int) {
	const firstWide = 0x1100
	for _, r := range s {
		n++
		if r >= firstWide {
			n++
		}
	}
	return n
}
