package mqtt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// placeholder stands for the name of a device in a topic.
const placeholder = "{device}"

// sharePrefix begins the topic of a shared subscription. The protocol has them
// from version 5 on; mosquitto, EMQX and others offer them to all.
const sharePrefix = "$share/"

// maxFeeds bounds how many topics are remembered beyond those that the site
// names; a wildcard lets a broker invent any number of them.
const maxFeeds = 10_000

// feed is one topic and the devices that what comes on it is meant for. It is
// also the line in which messages of that topic wait.
type feed struct {
	topic   string
	devices []*device // that say their values here
	signs   []*sign   // that are given here

	oldest, newest *message // owned by the queue
	queued         int
}

// wildcard is a device whose values or signs come on a whole family of topics.
type wildcard struct {
	filter string
	device *device
	sign   *sign // nil for the values
}

// switchboard knows which devices each topic feeds. It compares topics level by
// level as the MQTT specification has it, so no character but "/", "+" and "#"
// means anything. It is not safe for concurrent use.
type switchboard struct {
	filters  []string // what to ask of the broker, each once
	asked    map[string]bool
	feeds    map[string]*feed
	wild     []wildcard
	patterns []string // topics with a placeholder
	room     int      // for topics not yet seen
}

// newSwitchboard connects the devices to their topics.
func newSwitchboard(devices []*device) (*switchboard, error) {
	s := &switchboard{feeds: make(map[string]*feed), asked: make(map[string]bool), room: maxFeeds}
	var errs []error
	for _, d := range devices {
		filter, err := s.connect(d, d.Topic, nil)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		d.filter = filter
		errs = append(errs, s.connectSign(d, d.Birth, true), s.connectSign(d, d.Death, false))
	}
	for topic, f := range s.feeds {
		s.addWild(f, topic)
	}
	return s, errors.Join(errs...)
}

// connectSign connects d to the topic of a sign, if it gives any.
func (s *switchboard) connectSign(d *device, of *Sign, alive bool) error {
	if of == nil {
		return nil
	}
	made, err := newSign(d, of, alive)
	if err != nil {
		return err
	}
	topic, err := signTopic(d.Topic, of.Topic)
	if err == nil {
		_, err = s.connect(d, topic, made)
	}
	return err
}

// connect connects d, or one of its signs, to a topic. It returns under which
// filter the broker is asked for it.
func (s *switchboard) connect(d *device, pattern string, by *sign) (filter string, err error) {
	topic, filter, err := resolveTopic(pattern, d.Name)
	if err != nil {
		return "", err
	}
	if !s.asked[filter] {
		s.asked[filter] = true
		s.filters = append(s.filters, filter)
	}
	if _, plain, _ := splitShare(pattern); strings.Contains(plain, placeholder) && !slices.Contains(s.patterns, plain) {
		s.patterns = append(s.patterns, plain)
	}
	if strings.ContainsAny(topic, "+#") {
		s.wild = append(s.wild, wildcard{filter: topic, device: d, sign: by})
		return filter, nil
	}
	f := s.feeds[topic]
	if f == nil {
		f = &feed{topic: topic}
		s.feeds[topic] = f
	}
	if by != nil {
		f.signs = append(f.signs, by)
	} else {
		f.devices = append(f.devices, d)
	}
	return filter, nil
}

// resolveTopic returns the topic of the device called name, which may still
// hold wildcards, and the filter under which the broker is asked for it.
func resolveTopic(pattern, name string) (topic, filter string, err error) {
	group, pattern, err := splitShare(pattern)
	if err != nil {
		return "", "", err
	}
	levels := strings.Split(pattern, "/")
	for i, level := range levels {
		switch {
		case strings.Contains(level, placeholder):
			levels[i] = "+"
		case level == "#" && i == len(levels)-1, level == "+":
		case strings.ContainsAny(level, "+#\x00"):
			return "", "", fmt.Errorf("topic %q: + must be a whole level and # the last one", pattern)
		}
	}
	filter = strings.Join(levels, "/")
	if filter == "" || len(filter) > 65535 {
		return "", "", fmt.Errorf("topic of %d bytes: want 1 to 65535", len(filter))
	}
	if !strings.Contains(pattern, placeholder) {
		return pattern, group + filter, nil
	}
	if name == "" || strings.ContainsAny(name, "/+#\x00") {
		return "", "", fmt.Errorf("topic %q: %q cannot stand for %s", pattern, name, placeholder)
	}
	return strings.ReplaceAll(pattern, placeholder, name), group + filter, nil
}

// splitShare takes the group off a shared subscription: "$share/gateways/a/b"
// asks for those messages on a/b that the broker gives to no other client of the
// group. Messages carry the plain topic.
func splitShare(pattern string) (group, rest string, err error) {
	if !strings.HasPrefix(pattern, sharePrefix) {
		return "", pattern, nil
	}
	name, rest, _ := strings.Cut(pattern[len(sharePrefix):], "/")
	if name == "" || rest == "" || strings.ContainsAny(name, "+#{") {
		return "", "", fmt.Errorf("topic %q: want $share/group/topic", pattern)
	}
	return sharePrefix + name + "/", rest, nil
}

// Shared reports whether the topic is that of a shared subscription. Its
// messages may come in another order than they were sent, and none that the
// broker keeps comes at all.
func Shared(topic string) bool { return strings.HasPrefix(topic, sharePrefix) }

// feed returns where a message on topic goes, or nil if nobody listens to it.
func (s *switchboard) feed(name []byte) *feed {
	if f, ok := s.feeds[string(name)]; ok {
		return f
	}
	topic := string(name)
	f := &feed{topic: topic}
	s.addWild(f, topic)
	if len(f.devices)+len(f.signs) == 0 {
		return nil
	}
	if s.room > 0 {
		s.room--
		s.feeds[topic] = f
	}
	return f
}

// addWild adds those to f whose wildcards topic fits.
func (s *switchboard) addWild(f *feed, topic string) {
	for _, w := range s.wild {
		switch {
		case !matches(w.filter, topic):
		case w.sign != nil:
			f.signs = append(f.signs, w.sign)
		default:
			f.devices = append(f.devices, w.device)
		}
	}
}

// stranger returns what an unknown topic should be called: the name of the
// device if the topic fits a pattern, else the topic.
func (s *switchboard) stranger(topic string) string {
	for _, pattern := range s.patterns {
		if name, ok := deviceName(pattern, topic); ok {
			return name
		}
	}
	return topic
}

// matches reports whether topic is one of those that filter stands for.
func matches(filter, topic string) bool {
	// Wildcards never reach the broker's own topics, such as $SYS.
	if strings.HasPrefix(topic, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false
	}
	for {
		want, restWanted, moreWanted := strings.Cut(filter, "/")
		if want == "#" {
			return true
		}
		got, rest, more := strings.Cut(topic, "/")
		if want != "+" && want != got {
			return false
		}
		if !more {
			// "a/#" stands for "a" as well.
			return !moreWanted || restWanted == "#"
		}
		if !moreWanted {
			return false
		}
		filter, topic = restWanted, rest
	}
}

// deviceName returns what the first placeholder of pattern stands for in topic.
func deviceName(pattern, topic string) (name string, ok bool) {
	wanted, got := strings.Split(pattern, "/"), strings.Split(topic, "/")
	for i, want := range wanted {
		if want == "#" {
			break
		}
		if i >= len(got) {
			return "", false
		}
		before, after, held := strings.Cut(want, placeholder)
		switch {
		case held && name == "":
			inner, fits := strings.CutPrefix(got[i], before)
			if inner, fits2 := strings.CutSuffix(inner, after); fits && fits2 {
				name = inner
				continue
			}
			return "", false
		case held, want == "+", want == got[i]:
		default:
			return "", false
		}
	}
	return name, name != ""
}
