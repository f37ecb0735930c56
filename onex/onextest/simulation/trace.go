package simulation

import (
	"encoding/json"
	"fmt"
	"os"
)

// Trace is a run that can be seen again.
type Trace struct {
	Fleet      string `json:"fleet"`
	Seed       uint64 `json:"seed"`
	Records    int    `json:"records"`
	Processes  int    `json:"processes"`
	Partitions int    `json:"partitions"`
	Plant      Plant  `json:"plant,omitempty"`
	Promise    string `json:"promise"`
	Hash       string `json:"hash"`
	Decisions  []int  `json:"decisions"`
}

// trace returns what is written of a run.
func (s Shrunk) trace(fleet string) Trace {
	return Trace{
		Fleet: fleet, Seed: s.Seed, Records: s.Config.Records, Processes: s.Config.Processes, Partitions: s.Config.Partitions,
		Plant: s.Config.Plant, Promise: s.Broken.Promise, Hash: s.Hash, Decisions: s.Decisions,
	}
}

// WriteTrace writes a trace to a file.
func WriteTrace(file string, t Trace) error {
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o600)
}

// ReadTrace reads the trace that WriteTrace wrote.
func ReadTrace(file string) (Trace, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Trace{}, err
	}
	var t Trace
	if err := json.Unmarshal(data, &t); err != nil {
		return Trace{}, fmt.Errorf("%s is no trace of a simulation: %w", file, err)
	}
	for _, d := range t.Decisions {
		if d < 0 {
			return Trace{}, fmt.Errorf("%s is no trace of a simulation: decision %d", file, d)
		}
	}
	if t.Records < 1 || t.Processes < 1 || t.Partitions < 1 || t.Fleet == "" {
		return Trace{}, fmt.Errorf("%s is no trace of a simulation: fleet, records, processes and partitions are not all there", file)
	}
	return t, nil
}

func (t Trace) config() Config {
	return Config{Records: t.Records, Processes: t.Processes, Partitions: t.Partitions, Plant: t.Plant, Trace: true}
}
