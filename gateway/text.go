package gateway

// Language is one of the two languages everything people read comes in.
type Language string

// The languages.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// Text is something people read, in Chinese and English.
type Text struct {
	ZH string `yaml:"zh" json:"zh"`
	EN string `yaml:"en" json:"en"`
}

// In returns the text in the language l, or in the other one if it is missing.
func (t Text) In(l Language) string {
	if l == English && t.EN != "" || t.ZH == "" {
		return t.EN
	}
	return t.ZH
}

// IsZero reports whether there is no text in either language.
func (t Text) IsZero() bool { return t == Text{} }
