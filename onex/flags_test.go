package onex_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// flagged is a node whose answer says whether its flag new_tax is on.
func flagged(name string) onex.Node {
	n := echo(onex.Effect, name, engine.RetryPolicy{}, succeed)
	n.Flags = []config.FlagSetting{
		{Key: "new_tax", Env: flagEnv(name, "NEW_TAX")}, {Key: "fixed", Env: flagEnv(name, "FIXED"), Default: true},
	}
	n.Build = func(_ context.Context, v *config.Values) (onex.Wiring, error) {
		r := config.Read(v)
		newTax := r.Flag("new_tax")
		ask := onex.Handle(decodeNumber, func(_ context.Context, in onex.Input[number], out *onex.Emissions) error {
			n := number{}
			if newTax.Enabled() {
				n.N = 1
			}
			out.Add(event.Event, ref(name, "answer"), in.Event.PartitionKey, n)
			return nil
		})
		return onex.Wiring{Routes: onex.Routes{ref(name, "ask"): ask}}, r.Err()
	}
	return n
}

func flagEnv(node, flag string) string {
	return strings.TrimSuffix(envName(onex.Node{Name: node}), "DATABASE_URL") + "FLAG_" + flag
}

// TestFlagsFollowTheCatalog: a flag set before the start is known to the first input; one changed
// while the node runs changes what the handler does; what cannot be read changes nothing.
func TestFlagsFollowTheCatalog(t *testing.T) {
	t.Parallel()
	f := setup(t)
	name := f.name("effect")
	node := flagged(name)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	consul, err := api.NewClient(&api.Config{Address: shared.consul, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	put := func(flag, value string) {
		if _, err := consul.KV().Put(&api.KVPair{Key: "omninode/flags/" + name + "/" + flag, Value: []byte(value)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	put("new_tax", "true")
	put("fixed", "true")
	env := f.env([]onex.Node{node}, "a")
	env[flagEnv(name, "FIXED")] = "false"
	r := f.launch(env, node)
	f.eventually("it is ready", func() error { return r.get("/readyz", http.StatusOK) })

	asked := 0
	answers := func(want int) {
		t.Helper()
		f.produce(root(event.Command, ref(name, "ask"), "k", number{}))
		asked++
		records := f.collect(asked, topicOf(event.Event, ref(name, "answer")))
		if got, err := decodeNumber(records[asked-1].Value); err != nil || got.N != want {
			t.Errorf("the handler answers %d, %v; want %d", got.N, err, want)
		}
	}
	says := func(what string, on int) {
		t.Helper()
		f.eventually(what, func() error {
			if !strings.Contains(f.logs.String(), what) {
				return fmt.Errorf("the log does not say %q", what)
			}
			want := fmt.Sprintf(`onex_flag{flag="new_tax",node="%s"} %d`, name, on)
			if _, metrics := r.read("/metrics"); !strings.Contains(metrics, want) {
				return fmt.Errorf("the metrics do not say %s", want)
			}
			return nil
		})
	}
	says(`msg=flag node=`+name+` flag=new_tax on=true source="flag store"`, 1)
	says(`msg=flag node=`+name+` flag=fixed on=false source=environment`, 1)
	answers(1)
	put("new_tax", "false")
	says(`msg="flag changed" node=`+name+` flag=new_tax on=false source="flag store"`, 0)
	answers(0)
	put("new_tax", "maybe")
	says(`msg="flag cannot be read and stays what it is" node=`+name+` flag=new_tax on=false key=omninode/flags/`+name+`/new_tax`, 0)
	put("new_tax", "true")
	says(`msg="flag changed" node=`+name+` flag=new_tax on=true source="flag store"`, 1)
	answers(1)
	if _, err := consul.KV().Delete("omninode/flags/"+name+"/new_tax", nil); err != nil {
		t.Fatal(err)
	}
	says(`msg="flag changed" node=`+name+` flag=new_tax on=false source="contract default"`, 0)
	if strings.Contains(f.logs.String(), "flag=fixed on=true") {
		t.Error("the catalog overrules the environment")
	}
}
