package contract

import (
	"testing"
)

func TestGoName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"order_id": "OrderID", "gateway_url": "GatewayURL", "order-sync": "OrderSync", "id": "ID",
		"http2_port": "Http2Port", "a_1": "A1", "price-order": "PriceOrder", "uuid": "UUID", "idea": "Idea",
	} {
		if got := GoName(name); got != want {
			t.Errorf("GoName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestEnv(t *testing.T) {
	t.Parallel()
	if got := Env("order-sync", "database_url"); got != "ORDER_SYNC_DATABASE_URL" {
		t.Errorf("Env = %q", got)
	}
}

func TestSemver(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]bool{
		"1.2.0": true, "0.0.0": true, "1.2.0-rc.1": true, "1.2.0-0a": true, "10.20.30": true,
		"1.2": false, "v1.2.0": false, "01.2.0": false, "1.2.0+1": false, "1.2.0-": false, "1.2.0-01": false,
		"1.2.0-a..b": false, "1.2.0\n": false, "": false, "1234567890.0.0": false,
	} {
		if got := semverPattern.MatchString(v); got != want {
			t.Errorf("%q: valid %v, want %v", v, got, want)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text, kind, want string
		ok               bool
	}{
		{"20", "number", "20", true},
		{"20.50", "number", "20.5", true},
		{"1e3", "number", "1000", true},
		{"-0", "number", "0", true},
		{"-0.0", "number", "0", true},
		{"1e400", "number", "", false},
		{"007", "number", "", false},
		{"0x10", "integer", "", false},
		{"1_000", "integer", "", false},
		{"1.0", "integer", "0", false},
		{"-5", "integer", "-5", true},
		{".5", "number", "", false},
		{"9223372036854775807", "integer", "9223372036854775807", true},
		{"+1", "integer", "", false},
		{"-0", "integer", "0", true},
	} {
		got, ok := canonical(tc.text, tc.kind)
		if ok != tc.ok || ok && got != tc.want {
			t.Errorf("canonical(%q, %s) = %q, %v; want %q, %v", tc.text, tc.kind, got, ok, tc.want, tc.ok)
		}
	}
}
