package omnibase

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

// words splits any text into lower-case words of ASCII letters and digits, at changes of case too.
func words(s string) []string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && humpAt(runes, i) {
			b.WriteByte(' ')
		}
		if r = unicode.ToLower(r); r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			b.WriteRune(r)
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}

// humpAt tells whether a capital starts a word: after a small letter, or before one in HTTPServer.
func humpAt(runes []rune, i int) bool {
	return unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) ||
		unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
}

// joined makes a name of words that is short enough. It starts with a letter, if otherwise does.
func joined(list []string, sep, otherwise string, limit int) string {
	if len(list) == 0 || unicode.IsDigit(rune(list[0][0])) {
		list = append([]string{otherwise}, list...)
	}
	name := strings.Join(list, sep)
	if keyword(name) {
		name += sep + otherwise
	}
	if len(name) > limit {
		name = strings.TrimRight(name[:limit], sep)
	}
	return name
}

// keyword tells whether some reader of YAML takes a word for something else than text.
func keyword(s string) bool {
	return slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(s))
}

// kebab makes the name of a node or a message.
func kebab(s, otherwise string) string {
	return joined(words(s), "-", otherwise, event.MaxNameLength-4)
}

// snake makes the name of a property, a setting, a state or a step.
func snake(s, otherwise string) string {
	return joined(words(s), "_", otherwise, event.MaxNameLength-4)
}

// property makes the name of a property. Types have a method Validate.
func property(s string) string {
	if name := snake(s, "field"); name != "validate" {
		return name
	}
	return "validate_field"
}

// typeName makes the name of a type. The dialect's models all start with Model.
func typeName(s string) string {
	list := words(s)
	if len(list) > 1 && (list[0] == "model" || list[0] == "enum") {
		list = list[1:]
	}
	name := contract.GoName(joined(list, "-", "payload", 4*event.MaxNameLength))
	if keyword(name) {
		name += "Payload"
	}
	return name[:min(len(name), event.MaxNameLength-4)]
}

// modelName returns the class of a dotted path: a.b.ModelOrder and a.b:ModelOrder are ModelOrder.
func modelName(s string) string {
	if i := strings.LastIndexAny(s, ".:"); i >= 0 && i+1 < len(s) {
		return s[i+1:]
	}
	return s
}

// capability makes the name of a capability: dots stay.
func capability(s string) string {
	var parts []string
	for _, p := range strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '/' || r == ':' }) {
		if w := words(p); len(w) > 0 {
			parts = append(parts, strings.Join(w, "-"))
		}
	}
	name := strings.Join(parts, ".")
	if name == "" || !unicode.IsLetter(rune(name[0])) || keyword(name) {
		name = "capability-" + name
	}
	return strings.TrimRight(name[:min(len(name), 60)], ".-")
}

// scope keeps names apart that must differ, case and separators ignored.
type scope map[string]bool

func (s scope) id(name string) string {
	return strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(name, "-", ""), "_", ""))
}

// take returns name, or name with the first free number behind it.
func (s scope) take(name, sep string) string {
	free := name
	for n := 2; s[s.id(free)]; n++ {
		free = name + sep + strconv.Itoa(n)
	}
	s[s.id(free)] = true
	return free
}

// reserve takes names that something generated needs.
func (s scope) reserve(names ...string) scope {
	for _, n := range names {
		s[s.id(n)] = true
	}
	return s
}

// hollow are words that tell what a message is, not what it is about.
func hollow(word string) bool {
	return slices.Contains(strings.Fields(`a an the of to for in on and or node model event events command cmd evt request requested
		received receive handle handler handles input output result response process start started run complete completed`), word)
}

// stems returns the words that a name is about, each without its ending.
func stems(s string) []string {
	var out []string
	for _, w := range words(s) {
		if !hollow(w) {
			out = append(out, stem(w))
		}
	}
	return out
}

func stem(w string) string {
	for _, ending := range []string{"ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "e"} {
		if len(w) > len(ending)+2 && strings.HasSuffix(w, ending) {
			return strings.TrimSuffix(w, ending)
		}
	}
	return w
}

// alike rates from 0 to 1 how much two names are about the same.
func alike(a, b string) float64 {
	x, y := stems(a), stems(b)
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	both := 0
	for _, w := range x {
		if slices.Contains(y, w) {
			both++
		}
	}
	return float64(both) / float64(max(len(x), len(y)))
}

var topicPattern = regexp.MustCompile(`(?:^|[.}])onex\.([a-z]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_.-]+?)\.v([1-9][0-9]{0,3})$`)

// topic is a topic of the dialect: onex.<class>.<domain>.<name>.v<n>.
type topic struct {
	class, domain, name string
	version             int
}

// parseTopic reads a topic. One of another form is an event named by all of its words.
func parseTopic(s string) topic {
	if m := topicPattern.FindStringSubmatch(strings.TrimSpace(s)); m != nil {
		v, err := strconv.Atoi(m[4])
		if err == nil {
			return topic{m[1], kebab(m[2], "domain"), kebab(m[3], "message"), v}
		}
	}
	return topic{"", "", kebab(s, "message"), 1}
}
