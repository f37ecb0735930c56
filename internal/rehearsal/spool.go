package rehearsal

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// spool keeps what was played until the recorded counterpart comes by: on disk, with an index in memory.
type spool struct {
	file  *os.File
	w     *bufio.Writer
	size  int64
	index map[string]span
}

type span struct{ at, length int64 }

// kept is a message with the input that it follows from.
type kept struct {
	Sent

	Input   string `json:"input"` // place
	EventID string `json:"event_id"`
	About   string `json:"about"` // key of the input
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "what-if-")
	if err != nil {
		return nil, fmt.Errorf("keep what is played: %w", err)
	}
	return &spool{file: f, w: bufio.NewWriterSize(f, 256<<10), index: map[string]span{}}, nil
}

func (s *spool) close() {
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

func (s *spool) put(k kept) error {
	if _, again := s.index[k.ID]; again {
		return nil // the input was there twice, and so is what follows from it
	}
	line, err := json.Marshal(k)
	if err == nil {
		_, err = s.w.Write(line)
	}
	if err != nil {
		return fmt.Errorf("keep what is played: %w", err)
	}
	s.index[k.ID] = span{s.size, int64(len(line))}
	s.size += int64(len(line))
	return nil
}

// get returns a message that was kept.
func (s *spool) get(id string) (k kept, ok bool, err error) {
	at, ok := s.index[id]
	if !ok {
		return k, false, nil
	}
	if err := s.w.Flush(); err != nil {
		return k, false, fmt.Errorf("keep what is played: %w", err)
	}
	line := make([]byte, at.length)
	if _, err := s.file.ReadAt(line, at.at); err != nil {
		return k, false, fmt.Errorf("read what was played: %w", err)
	}
	return k, true, json.Unmarshal(line, &k)
}
