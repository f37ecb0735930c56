package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/omninode-ai/omninode/onex/config"
)

func flagSettings() []config.FlagSetting {
	return []config.FlagSetting{
		{Key: "new_tax", Env: "PRICING_FLAG_NEW_TAX"},
		{Key: "fixed", Env: "PRICING_FLAG_FIXED", Default: true},
	}
}

func flags(t *testing.T, env map[string]string) *config.Flags {
	t.Helper()
	fs, err := config.ResolveFlags("pricing", flagSettings(), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func told(values []config.FlagValue) []string {
	var list []string
	for _, v := range values {
		text := fmt.Sprintf("%s=%t %s", v.Key, v.On, v.Source)
		if v.Err != nil {
			text += ": " + v.Err.Error()
		}
		list = append(list, text)
	}
	return list
}

func TestFlagCascade(t *testing.T) {
	t.Parallel()
	fs := flags(t, map[string]string{"PRICING_FLAG_FIXED": "false"})
	want := []string{"fixed=false environment", "new_tax=false contract default"}
	if got := told(fs.Values()); !slices.Equal(got, want) {
		t.Errorf("resolved %q, want %q", got, want)
	}
	r := config.Read((&config.Values{}).WithFlags(fs))
	newTax, fixed := r.Flag("new_tax"), r.Flag("fixed")
	if r.Err() != nil || newTax.Enabled() || fixed.Enabled() {
		t.Fatalf("read %t %t, %v", newTax.Enabled(), fixed.Enabled(), r.Err())
	}
	for _, tt := range []struct {
		name   string
		stored map[string]string
		news   []string
		on     bool
	}{
		{"nothing stored", nil, nil, false},
		{"set", map[string]string{"new_tax": "true\n"}, []string{"new_tax=true flag store"}, true},
		{"unchanged", map[string]string{"new_tax": "true"}, nil, true},
		{"unreadable", map[string]string{"new_tax": "yes"}, []string{`new_tax=true flag store: must be true or false, is "yes"`}, true},
		{"still unreadable", map[string]string{"new_tax": "yes"}, nil, true},
		{"readable again", map[string]string{"new_tax": "true"}, []string{"new_tax=true flag store"}, true},
		{"the environment wins", map[string]string{"new_tax": "true", "fixed": "true"}, nil, true},
		{"nobody's key", map[string]string{"new_tax": "true", "old": "x"}, nil, true},
		{"deleted", map[string]string{}, []string{"new_tax=false contract default"}, false},
	} {
		if got := told(fs.Apply(tt.stored)); !slices.Equal(got, tt.news) {
			t.Errorf("%s: news %q, want %q", tt.name, got, tt.news)
		}
		if newTax.Enabled() != tt.on || fixed.Enabled() {
			t.Errorf("%s: new_tax is %t, want %t; fixed is %t", tt.name, newTax.Enabled(), tt.on, fixed.Enabled())
		}
	}
}

func TestFlagsOfTheEnvironmentAreCheckedTogether(t *testing.T) {
	t.Parallel()
	_, err := config.ResolveFlags("pricing", flagSettings(), func(string) (string, bool) { return "on", true })
	if err == nil {
		t.Fatal("on was taken for true")
	}
	for _, want := range []string{"2 settings are invalid", `new_tax (PRICING_FLAG_NEW_TAX, from environment): must be true or false, is "on"`, "PRICING_FLAG_FIXED"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %q", err, want)
		}
	}
}

func TestFlagOfNothing(t *testing.T) {
	t.Parallel()
	var zero config.Flag
	if zero.Enabled() || !config.NewFlag(true).Enabled() || config.NewFlag(false).Enabled() {
		t.Error("the zero flag is on, or NewFlag does not do what it says")
	}
	r := config.Read((&config.Values{}).WithFlags(flags(t, nil)))
	if r.Flag("nobody"); r.Err() == nil {
		t.Error("a flag that is not declared was read")
	}
	if flags(t, nil).Stored() != true || flags(t, map[string]string{"PRICING_FLAG_FIXED": "true", "PRICING_FLAG_NEW_TAX": "true"}).Stored() {
		t.Error("the store has a say about flags of the environment, or none about the others")
	}
}
