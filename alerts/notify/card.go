package notify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// mood is what a card looks like before one reads it.
type mood int

const (
	calm     mood = iota // for information
	wary                 // somebody is needed
	alarmed              // at once
	relieved             // it is over
)

// card is a message for people.
type card struct {
	key    string // the same for every attempt
	thread string // the same for all that is said of an alert
	mood   mood
	title  string
	lines  []string
	link   link // zero for none
	brief  brief
}

// link is where a person acknowledges what a card is about.
type link struct{ text, url string }

func (l link) isZero() bool { return l == link{} }

// linkTexts are what people read on the link.
var linkTexts = gateway.Text{ZH: "我来处理，确认报警", EN: "Acknowledge: I take it in hand"}

// brief is what fits where a card does not: a short message, a call.
type brief struct{ text, site, facility, alert, ticket, link string }

// variable returns the part of that name.
func (b brief) variable(name string) string {
	switch name {
	case "site":
		return b.site
	case "facility":
		return b.facility
	case "alert":
		return b.alert
	case "ticket":
		return b.ticket
	default:
		return ""
	}
}

// newCard returns the card that tells to of n.
func newCard(n Notice, to audience) (card, error) {
	var m Message
	if err := json.Unmarshal(n.Body, &m); err != nil {
		return card{}, fmt.Errorf("notice %s cannot be read: %w", n.Key, err)
	}
	c := card{key: n.Key, thread: fmt.Sprintf("%s/%d", m.Site, n.Alert), mood: moodOf(m), title: m.Headline.In(to.language)}
	for line := range strings.SplitSeq(m.Detail.In(to.language), "\n") {
		if line != "" {
			c.lines = append(c.lines, line)
		}
	}
	c.brief = brief{
		text: m.Text.In(to.language), site: to.site.In(to.language),
		facility: cmp.Or(m.Alert.Name.In(to.language), string(m.Alert.Facility)), alert: cmp.Or(m.Alert.Title.In(to.language), c.title),
	}
	if m.AckURL != "" {
		c.link = link{linkTexts.In(to.language), m.AckURL}
		c.brief.link = m.AckURL
	}
	if m.Ticket != nil {
		c.brief.ticket = m.Ticket.Number
	}
	// A card may come late: it says of when it speaks.
	c.lines = append(c.lines, footer(to, m.At))
	return c, nil
}

func moodOf(m Message) mood {
	switch {
	case m.Event == eventReturned:
		return relieved
	case m.Event == eventAcked, m.Event == eventWithdrawn, m.Alert.Severity == rules.Info:
		return calm
	case m.Alert.Severity >= rules.Critical:
		return alarmed
	default:
		return wary
	}
}

// footer names the site and the time of a message.
func footer(to audience, at string) string {
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		at = t.Format("2006-01-02 15:04:05")
	}
	return join(" · ", to.site.In(to.language), at)
}

// text returns the card as lines parted by gap, in at most limit bytes, with the
// title dressed by head and the link, if there is one, as Markdown at the end: of a
// link that is cut nobody has any use.
func (c card) text(gap string, limit int, head func(string) string) string {
	end := ""
	if !c.link.isZero() {
		end = gap + "[" + c.link.text + "](" + c.link.url + ")"
	}
	title := head(c.title)
	return title + gap + cut(strings.Join(c.lines, gap), limit-len(title)-len(gap)-len(end)) + end
}

// plain takes from a text what a chat would read as Markdown or as a mention:
// names and notes are written by people. The full-width signs look the same.
func plain(s string) string {
	return strings.NewReplacer("<", "＜", ">", "＞", "*", "＊", "`", "｀", "](", "］(", "\n", " ").Replace(s)
}

func (c card) plain() card {
	c.title, c.lines = plain(c.title), slices.Clone(c.lines)
	for i, line := range c.lines {
		c.lines[i] = plain(line)
	}
	return c
}
