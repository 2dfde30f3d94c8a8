package notify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intact-gateway/intact/alerts/roster"
	"github.com/intact-gateway/intact/gateway"
)

// People are the ways to the people of the roster: to their mobiles by short
// message or call, to their mailboxes. Several stand in for each other, in this
// order.
type People struct {
	SMS   *Phone `yaml:"sms"`
	Voice *Phone `yaml:"voice"`
	Email *Email `yaml:"email"`
}

// The ways as a step of a ladder names them.
const (
	bySMS   = "sms"
	byVoice = "voice"
	byEmail = "email"
)

var ways = []string{bySMS, byVoice, byEmail}

// PeoplePrefix begins the ids of receivers that are people of the roster, such as
// people/wang. No receiver of the site file can have such an id.
const PeoplePrefix = "people/"

// validate holds the ways against the same rules as receivers, as if somebody
// were told by them.
func (p *People) validate(report gateway.Report) {
	nobodyElse := func(key string, to []string) {
		if len(to) > 0 {
			report(key+".to", "it goes to the people of the roster", "leave it out, or make it a receiver of its own")
		}
	}
	for _, phone := range []struct {
		key string
		*Phone
	}{{bySMS, p.SMS}, {byVoice, p.Voice}} {
		if phone.Phone != nil {
			nobodyElse(phone.key, phone.To)
			one := *phone.Phone
			one.To = []string{"13800000000"}
			one.validate(report.At(phone.key))
		}
	}
	if p.Email != nil {
		nobodyElse(byEmail, p.Email.To)
		one := *p.Email
		one.To = []string{"one@example.com"}
		one.validate(report.At(byEmail))
	}
}

// channels returns how a person can be told, by one way or, for "", by all that
// there are.
func (p *People) channels(who roster.Person, by string) (list []Channel) {
	wanted := func(way string) bool { return by == "" || by == way }
	phone := func(c *Phone) *Phone {
		one := *c
		one.To = []string{who.Mobile}
		return &one
	}
	if p.SMS != nil && who.Mobile != "" && wanted(bySMS) {
		list = append(list, Channel{SMS: phone(p.SMS)})
	}
	if p.Voice != nil && who.Mobile != "" && wanted(byVoice) {
		list = append(list, Channel{Voice: phone(p.Voice)})
	}
	if p.Email != nil && who.Mail != "" && wanted(byEmail) {
		one := *p.Email
		one.To = []string{who.Mail}
		list = append(list, Channel{Email: &one})
	}
	return list
}

// reach returns the receiver by which a person is told; false if there is none.
func (c *Config) reach(who roster.Person, by string) (id string, ok bool) {
	switch {
	case by == "" && who.Receiver != "":
		return who.Receiver, true
	case len(c.People.channels(who, by)) == 0:
		return "", false
	case by == "":
		return PeoplePrefix + who.ID, true
	default:
		return PeoplePrefix + who.ID + "/" + by, true
	}
}

// Everybody returns the receivers of the site file, and behind them one for each
// person of the roster and each way by which they may be told.
func (c *Config) Everybody() []Receiver {
	all := slices.Clone(c.Receivers)
	for _, by := range c.bys() {
		for _, who := range c.Roster.People() {
			if id, ok := c.reach(who, by); ok && strings.HasPrefix(id, PeoplePrefix) {
				all = append(all, Receiver{ID: id, Pool: c.People.channels(who, by)})
			}
		}
	}
	return all
}

// bys returns the ways that steps of ladders name, and "" for any.
func (c *Config) bys() []string {
	list := []string{""}
	for _, l := range c.Ladder {
		for _, s := range l.Steps {
			if !slices.Contains(list, s.By) {
				list = append(list, s.By)
			}
		}
	}
	return list
}

// validatePeople reports people of the roster whose receiver does not exist.
func (c *Config) validatePeople(report gateway.Report, receivers []string) {
	for _, who := range c.Roster.People() {
		if who.Receiver != "" && !slices.Contains(receivers, who.Receiver) {
			report("receivers", fmt.Sprintf("%s of the roster is told by receiver %q, which there is not", who.ID, who.Receiver), suggest(who.Receiver, receivers))
		}
	}
}
