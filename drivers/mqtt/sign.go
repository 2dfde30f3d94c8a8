package mqtt

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// Sign is a message by which a device, or the broker in its name, says that it
// is there or gone: its birth, or its will.
type Sign struct {
	// Topic is a topic of its own, in which {device} stands for the name. One
	// that begins with ./ or ../ is below or beside that of the device.
	Topic   string
	Path    string // into a JSON payload; "" for the whole payload, whatever it is
	Payload string // what must stand there; "" for anything
}

// sign is a Sign of one device ready for use.
type sign struct {
	device *device
	alive  bool
	json   bool
	path   string // as gjson reads it
	want   string
}

func newSign(d *device, s *Sign, alive bool) (*sign, error) {
	made := &sign{device: d, alive: alive, want: s.Payload, json: s.Path != ""}
	if !made.json {
		return made, nil
	}
	path, err := compilePath(s.Path)
	made.path = path
	return made, err
}

// given reports whether payload is the sign.
func (s *sign) given(payload []byte) bool {
	if !s.json {
		return s.want == "" || string(bytes.TrimSpace(payload)) == s.want
	}
	if tooDeep(payload) || !gjson.ValidBytes(payload) {
		return false
	}
	r := gjson.ParseBytes(payload)
	if s.path != "" {
		r = gjson.GetBytes(payload, s.path)
	}
	return r.Exists() && (s.want == "" || r.String() == s.want)
}

// heed has the device of the sign live or die, if m says so. What the broker has
// kept counts: it is how a gateway that has just come learns of it.
func (s *sign) heed(m *message) {
	if !s.given(m.payload) {
		return
	}
	d := s.device
	d.gone, d.born = !s.alive, s.alive
	if s.alive && !m.retained {
		d.heard = m.at
	}
}

// signTopic returns the topic of a sign of a device that speaks on topic.
func signTopic(topic, of string) (string, error) {
	_, topic, err := splitShare(topic)
	if err != nil {
		return "", err
	}
	topic = strings.TrimSuffix(topic, "/#")
	if below, ok := strings.CutPrefix(of, "./"); ok {
		return topic + "/" + below, nil
	}
	if !strings.HasPrefix(of, "../") {
		return of, nil
	}
	levels := strings.Split(topic, "/")
	rest := of
	for strings.HasPrefix(rest, "../") {
		if len(levels) == 0 {
			return "", fmt.Errorf("topic %q: %q has not so many levels", of, topic)
		}
		levels, rest = levels[:len(levels)-1], rest[len("../"):]
	}
	return strings.Join(append(levels, rest), "/"), nil
}
