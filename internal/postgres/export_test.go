package postgres

import "github.com/omninode-ai/omninode/onex/engine"

// Floor returns the id above which a queue reads.
func Floor(q engine.Queue) int64 { return q.(*queue).floor.id } //nolint:forcetypeassert // of this package

// TimerHold is how long others leave a timer to the process that found it due.
const TimerHold = timerHold
