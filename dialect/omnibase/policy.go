package omnibase

import (
	"slices"
	"strconv"

	"github.com/omninode-ai/omninode/contract"
)

// readPolicy reads how often and how long the inputs of a node are tried.
func (d *draft) readPolicy() {
	d.readTimeout()
	d.readRetry(d.at.get("error_handling", "retry_policy"))
	d.readBreaker(d.at.get("error_handling", "circuit_breaker"))
	d.readIdempotency(d.at.get("idempotency"))
	if v := d.at.get("descriptor", "idempotent"); v.isTrue() {
		v.follow(nil, "an input that comes twice is handled once")
	}
}

func (d *draft) readTimeout() {
	for _, v := range []*value{d.at.get("descriptor", "timeout_ms"), d.at.get("handler_routing", "max_timeout_seconds")} {
		unit := float64(millisecond)
		if v != nil && v.name == "max_timeout_seconds" {
			unit = second
		}
		text := duration(v.text(), unit)
		switch {
		case v == nil || text == "":
		case d.kind != contract.Effect:
			v.refuse("make the node an effect, if its handler waits for something", "a node of kind %s does not wait: only an effect has a timeout", d.kind)
		case d.policy.timeout == "":
			d.policy.timeout = text
			v.carry("handles.*.timeout")
		}
	}
}

func (d *draft) readRetry(v *value) {
	retries, base := v.get("max_retries"), v.get("exponential_base")
	n, err := strconv.Atoi(retries.text())
	switch {
	case retries == nil || err != nil || n < 0 || n > 99:
		return
	case n == 0 && d.kind != contract.Effect:
		retries.follow(nil, "a node of kind %s is not told to try again", d.kind)
		d.noDelays(v, retries)
		return
	case d.kind != contract.Effect:
		v.refuse("make the node an effect, if a second attempt may end otherwise", "a node of kind %s has no retry: it touches nothing that fails for a while", d.kind)
		return
	}
	retries.carry("handles.*.retry.attempts")
	d.policy.retry = []pair{{"attempts", strconv.Itoa(n + 1)}}
	if n == 0 {
		d.noDelays(v, retries)
	} else {
		d.readDelays(v)
	}
	d.policy.retry = append(d.policy.retry, pair{"then", "dead_letter"})
	if f, err := strconv.ParseFloat(base.text(), 64); err == nil && f == 2 {
		base.follow(nil, "the delay doubles from attempt to attempt")
	}
}

func (d *draft) noDelays(v, retries *value) {
	for _, key := range []string{"initial_delay_ms", "max_delay_ms", "exponential_base"} {
		v.get(key).follow(retries, "nothing is tried again")
	}
	if v := v.get("retry_on"); v.isList() && len(v.items()) == 0 {
		v.follow(retries, "nothing is tried again")
	}
}

// readDelays reads the first and the longest delay between attempts.
func (d *draft) readDelays(v *value) {
	first, limit := v.get("initial_delay_ms"), v.get("max_delay_ms")
	low, high := duration(first.text(), millisecond), duration(limit.text(), millisecond)
	if low == "" {
		low = "200ms"
		d.src.assume("%s: the second attempt comes after %s", d.name, low)
	} else {
		first.carry("handles.*.retry.first")
	}
	switch a, b := millis(low), millis(high); {
	case high == "":
		high = "30s"
		if a > millis(high) {
			high = low
		}
		d.src.assume("%s: the delay between attempts is at most %s", d.name, high)
	case a > b:
		limit.refuse("raise it to at least the first delay", "it is below the first delay of %s", low)
		high = low
	default:
		limit.carry("handles.*.retry.max")
	}
	d.policy.retry = append(d.policy.retry, pair{"first", low}, pair{"max", high})
}

// readBreaker reads after how many failures an effect rests, and for how long.
func (d *draft) readBreaker(v *value) {
	enabled, failures := v.get("enabled"), v.get("failure_threshold")
	open := duration(v.get("reset_timeout_ms").text(), millisecond)
	switch {
	case enabled.isFalse():
		enabled.follow(nil, "there is no breaker unless one is declared")
		failures.follow(enabled, "the breaker is off")
		v.get("reset_timeout_ms").follow(enabled, "the breaker is off")
	case v == nil || !inRange(failures.text(), 1, 1000) || open == "":
	case d.kind != contract.Effect:
		v.refuse("make the node an effect, if it calls something that fails", "a node of kind %s calls nothing that fails: only an effect has a breaker", d.kind)
	default:
		d.policy.breaker = []pair{{"failures", failures.text()}, {"open", open}}
		failures.carry("handles.*.breaker.failures")
		v.get("reset_timeout_ms").carry("handles.*.breaker.open")
		enabled.follow(failures, "a breaker that is declared is on")
	}
}

// readIdempotency reads what makes an input recognisable when it comes again.
func (d *draft) readIdempotency(v *value) {
	v.get("enabled").follow(nil, "an input that comes twice is handled once, in every kind of node")
	key := v.first("key_field", "idempotency_key", "key")
	if fields := v.get("hash_fields").items(); key == nil && len(fields) == 1 {
		key = fields[0]
	}
	if s := v.get("strategy"); slices.Contains([]string{"event_id_tracking", "kafka_offset_tracking"}, s.text()) {
		s.follow(nil, "an input is known by the id of its envelope and by its offset")
	}
	if d.kind == contract.Effect && key.scalar() && len(words(key.text())) > 0 {
		d.policy.idempotencyKey, d.policy.keyAt = property(key.text()), key
	}
}

// millis reads a duration that this package wrote.
func millis(s string) float64 {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseFloat(s[:i], 64)
	if err != nil {
		return 0
	}
	return n * map[string]float64{"ms": 1, "s": 1000, "m": 60_000, "h": 3600_000}[s[i:]]
}
