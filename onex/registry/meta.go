package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Limits of Consul's service metadata, which every catalog is held to.
const (
	MaxMetaPairs = 64
	MaxMetaKey   = 128 // bytes
	MaxMetaValue = 512 // bytes
)

// Keys of a node's metadata.
const (
	MetaNodeType       = "node_type"
	MetaVersion        = "version"
	MetaEventsConsumed = "events_consumed"
	MetaEventsEmitted  = "events_emitted"
	MetaCapabilities   = "capabilities"
	MetaContractSHA256 = "contract_sha256"
)

// Facts is what a node says about itself.
type Facts struct {
	NodeType       string
	Version        string
	EventsConsumed []string // refs, e.g. payment/card-charged.v1
	EventsEmitted  []string
	Capabilities   []string
	ContractSHA256 string
}

// Meta returns the metadata of a node: one entry per fact, lists sorted and joined by commas.
func Meta(f Facts) map[string]string {
	return map[string]string{
		MetaNodeType:       f.NodeType,
		MetaVersion:        f.Version,
		MetaEventsConsumed: list(f.EventsConsumed),
		MetaEventsEmitted:  list(f.EventsEmitted),
		MetaCapabilities:   list(f.Capabilities),
		MetaContractSHA256: f.ContractSHA256,
	}
}

func list(items []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(items))), ",")
}

// digestPrefix marks a metadata value that stands for a longer one stored beside the catalog.
const digestPrefix = "sha256:"

// OverflowKey returns where the value of a metadata key is stored when it is too long. The version
// is part of it, so that instances of two versions do not overwrite each other's.
func OverflowKey(service, version, key string) string {
	return "omninode/meta/" + service + "/" + version + "/" + key
}

// Pack splits meta into what fits the catalog and what must be stored beside it, by OverflowKey. In
// the fitting part a digest stands for each overflowed value. A value that looks like a digest
// itself overflows too, so that Unpack never mistakes one for the other.
func Pack(service string, meta map[string]string) (fit, overflow map[string]string, err error) {
	if len(meta) > MaxMetaPairs {
		return nil, nil, fmt.Errorf("service %s has %d metadata entries, the catalog takes %d", service, len(meta), MaxMetaPairs)
	}
	fit, overflow = make(map[string]string, len(meta)), map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if err := checkMetaKey(key); err != nil {
			return nil, nil, fmt.Errorf("service %s: %w", service, err)
		}
		value := meta[key]
		if len(value) <= MaxMetaValue && !strings.HasPrefix(value, digestPrefix) {
			fit[key] = value
			continue
		}
		fit[key] = digest(value)
		overflow[OverflowKey(service, meta[MetaVersion], key)] = value
	}
	return fit, overflow, nil
}

func checkMetaKey(key string) error {
	for _, c := range key {
		word := c == '_' || c == '-' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !word {
			return fmt.Errorf("metadata key %q may only hold letters, digits, - and _", key)
		}
	}
	if key == "" || len(key) > MaxMetaKey {
		return fmt.Errorf("metadata key %q must have 1 to %d characters", key, MaxMetaKey)
	}
	return nil
}

// Unpack restores the metadata Pack split. fetch returns a stored value by its OverflowKey, or false
// if there is none. A missing or altered value is an *OverflowError.
func Unpack(service string, fit map[string]string, fetch func(key string) (string, bool, error)) (map[string]string, error) {
	meta := maps.Clone(fit)
	for _, key := range slices.Sorted(maps.Keys(fit)) {
		if !strings.HasPrefix(fit[key], digestPrefix) {
			continue
		}
		at := OverflowKey(service, fit[MetaVersion], key)
		value, found, err := fetch(at)
		switch {
		case err != nil:
			return nil, fmt.Errorf("fetch metadata %s: %w", at, err)
		case !found:
			return nil, &OverflowError{Key: at, Reason: "is missing"}
		case digest(value) != fit[key]:
			return nil, &OverflowError{Key: at, Reason: "does not have the registered hash " + fit[key]}
		}
		meta[key] = value
	}
	return meta, nil
}

// OverflowError says that a metadata value stored beside the catalog cannot be used.
type OverflowError struct {
	Key    string
	Reason string
}

func (e *OverflowError) Error() string { return fmt.Sprintf("metadata %s %s", e.Key, e.Reason) }

func digest(value string) string {
	sum := sha256.Sum256([]byte(value))
	return digestPrefix + hex.EncodeToString(sum[:])
}
