package config_test

import (
	"context"
	"fmt"

	"github.com/omninode-ai/omninode/onex/config"
)

func Example() {
	twenty := "20"
	env := map[string]string{"PRICING_GATEWAY_TOKEN": "s3cr3t"}
	v, err := config.Resolve(context.Background(), "pricing", []config.Setting{
		{Key: "tax_percent", Env: "PRICING_TAX_PERCENT", Default: &twenty},
		{Key: "gateway_token", Env: "PRICING_GATEWAY_TOKEN", Secret: true},
	}, config.Environ(func(name string) (string, bool) { s, ok := env[name]; return s, ok }))
	if err != nil {
		fmt.Println(err)
		return
	}
	r := config.Read(v)
	tax, token := r.Float("tax_percent", config.Min(0), config.Max(100)), r.Secret("gateway_token")
	fmt.Println(tax, token, r.Err())
	fmt.Print(v.Explain())
	// Output:
	// 20 [redacted] <nil>
	// KEY            ENVIRONMENT            SOURCE            VALUE
	// gateway_token  PRICING_GATEWAY_TOKEN  environment       [redacted]
	// tax_percent    PRICING_TAX_PERCENT    contract default  20
}
