package influx

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// Config is the InfluxDB that samples are written to, the block "influx" of a
// site file.
type Config struct {
	URL       string `yaml:"url,required"` // http://host:8086 or https://host
	Org       string `yaml:"org"`
	Bucket    string `yaml:"bucket,required"`
	Token     string `yaml:"token,secret"`    // only as ${ENV}
	TokenFile string `yaml:"token_file,file"` // read at the start, and again when the server turns us away
	// SpoolMiB is how much of the disk samples may take while the server is away;
	// default 1,024, and never more than half of what the disk has left. Beyond
	// that the oldest are given up.
	SpoolMiB int `yaml:"spool_mib"`
	// Buffer is how many samples wait in memory while the disk does not take them
	// either, 24 bytes each; default 1,000,000.
	Buffer int `yaml:"buffer"`
}

// maxSpoolMiB is 1 TiB.
const maxSpoolMiB = 1 << 20

// defaultBuffer is 24 MB: a quarter of an hour of 1,000 samples a second.
const defaultBuffer = 1_000_000

// Validate reports what is wrong with c. That a token is not written into the
// site file in plain is for the loader to see.
func (c *Config) Validate(report gateway.Report) {
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		report("url", "want an address such as http://127.0.0.1:8086", "")
	} else if u.User != nil {
		report("url", "holds a user name or password", "use token_file")
	}
	if c.Bucket == "" {
		report("bucket", "is missing", "the bucket to write to")
	}
	if c.Token != "" && c.TokenFile != "" {
		report("token", "token and token_file are both given", "keep one of them")
	}
	if c.SpoolMiB < 0 || c.SpoolMiB > maxSpoolMiB {
		report("spool_mib", fmt.Sprintf("%d MiB are no size of a spool", c.SpoolMiB), fmt.Sprintf("want 1 to %d; 1024 hold a day of 1,000 samples a second", maxSpoolMiB))
	}
	if c.Buffer < 0 || c.Buffer > 0 && c.Buffer < maxBatch {
		report("buffer", fmt.Sprintf("%d samples are too few", c.Buffer), fmt.Sprintf("want %d or more", maxBatch))
	}
}

// token returns the token to log in with, "" for none.
func (c *Config) token() (string, error) {
	if c.TokenFile == "" {
		return c.Token, nil
	}
	text, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read the influx token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("read the influx token: %s is empty", c.TokenFile)
	}
	return token, nil
}
