package main

// patches are the failpoints and the planted bugs: what is put where in the source of the delivery.
// Each must find its place exactly once.
func patches() []patch {
	return append(failpoints(), planted()...)
}

// steps names the failpoints that a reducer passes, in order, between its claim and the moment its
// outbox is empty again.
func steps() []string {
	return []string{
		"claimed", "polled", "fetched", "opened", "viewed", "admitted", "handled", "decided", "reopened",
		"committing", "sent", "answered", "advanced", "settled", "relaying", "produced", "deleting", "deleted",
	}
}

func hit(step string) string { return "failpoint.Hit(\"" + step + "\")\n" }

func failpoints() []patch {
	const (
		worker   = "internal/delivery/worker.go"
		turn     = "internal/delivery/turn.go"
		delivery = "internal/delivery/delivery.go"
		relay    = "internal/delivery/term.go"
		dispatch = "internal/delivery/dispatcher.go"
		consume  = "internal/kafka/consume.go"
		transact = "internal/kafka/transact.go"
		commit   = "internal/postgres/commit.go"
	)
	before := func(file, step, at string) patch { return patch{file, at, hit(step) + at, "failpoint " + step} }
	after := func(file, step, at string) patch { return patch{file, at, at + "\n" + hit(step), "failpoint " + step} }
	return []patch{
		before(dispatch, "claimed", "w := newWorker(d.p, l, flow)"),
		before(consume, "polled", "s.partitions.Deliver(f.Topic, f.Partition, records)"),
		before(worker, "fetched", "err = w.settle(ctx, w.open(records))"),
		before(worker, "opened", "for len(items) > 0 && !w.stopping() {"),
		after("internal/delivery/retrier.go", "reopened", "chain := []engine.Item{r.p.Core.Reopen(first)}"),
		before(turn, "viewed", "t := newTurn(items, p.Now, stop)"),
		before(turn, "handled", "t.settled(i, errs[i] == nil)"),
		after(turn, "decided", "others.Wait()"),
		after(delivery, "admitted", "d := p.Core.Admit(it, v, p.Now())"),
		before(delivery, "committing", "err := p.Store.Commit(ctx, *l, commits...)"),
		before(delivery, "answered", "if moves && err != nil {"),
		after(delivery, "advanced", "l.Next = last.Next()"),
		before(delivery, "settled", "p.Observer.Settled(c)"),
		{
			commit, "err = s.pool.SendBatch(ctx, &t.Batch).Close()",
			"if failpoint.Abort(\"commit\") {\nt.add(`SELECT 1/0`)\n}\nsending := s.pool.SendBatch(ctx, &t.Batch)\n" +
				hit("sent") + "err = sending.Close()", "failpoint sent",
		},
		{commit, "return engine.ErrFenced", "failpoint.Note(\"fenced\")\nreturn engine.ErrFenced", "count of fenced commits"},
		{commit, "case stateConflict:\n\t\treturn engine.ErrConflict", "case stateConflict:\nfailpoint.Note(\"conflict\")\nreturn engine.ErrConflict", "count of conflicts"},
		before(relay, "relaying", "for i, err := range t.Produce(ctx, out) {"),
		before(relay, "produced", "if len(sent) > 0 {\n\t\tt.sent <- sent"),
		before(relay, "deleting", "if err := t.q.Delete(bounded, ids); err != nil {"),
		before(relay, "deleted", "t.mu.Lock()\n\tfor _, id := range ids {"),
		after(transact, "transacting", "failed := tx.failures()"),
		{
			transact, "kgo.TransactionEndTry(err == nil && len(failed) == 0)",
			"kgo.TransactionEndTry(err == nil && len(failed) == 0 && !failpoint.Abort(\"transaction\"))",
			"aborts of transactions",
		},
		{consume, "opts = append(opts, c.cfg.Options...)", "opts = append(append(opts, failpoint.Protocol()...), c.cfg.Options...)", "other protocols of the group"},
		{transact, "opts = append(opts, c.cfg.Options...)", "opts = append(append(opts, failpoint.Protocol()...), c.cfg.Options...)", "other protocols of the group"},
		{consume, "sessionTimeout = 15 * time.Second", "sessionTimeout = 3 * time.Second", "shorter sessions"},
		{transact, "transactionTimeout = 10 * time.Second", "transactionTimeout = 2 * time.Second", "shorter transactions"},
	}
}

// The planted bugs, by name.
const (
	commitBeforeHandle = "commit-before-handle"
	ackBeforeOutbox    = "ack-before-outbox"
	dedupOutside       = "dedup-outside-transaction"
	fenceRemoved       = "fence-removed"
	generationOnly     = "generation-alone"
	selectThenWrite    = "select-then-write"
	readUncommitted    = "read-uncommitted"
	revokeIgnored      = "revoke-ignored"
	keyOfProcess       = "key-of-process"
)

func planted() []patch {
	const (
		delivery = "internal/delivery/delivery.go"
		relay    = "internal/delivery/term.go"
		consume  = "internal/kafka/consume.go"
		commit   = "internal/postgres/commit.go"
		state    = "internal/postgres/state.go"
		view     = "internal/postgres/lease.go"
	)
	return []patch{
		{ // the offset moves past the records before any handler was called
			delivery, "commits, err := p.decideEach(ctx, stop, items)",
			`if failpoint.Twin("` + commitBeforeHandle + `") {
				if err := p.commit(ctx, l, []engine.Commit{{Item: items[len(items)-1], Result: engine.Waiting}}); err != nil {
					return 0, err
				}
			}
			commits, err := p.decideEach(ctx, stop, items)`, commitBeforeHandle,
		},
		{ // the outbox forgets a record before the broker has it
			relay, "sent := make([]int64, 0, len(records))",
			`if failpoint.Twin("` + ackBeforeOutbox + `") {
				var ids []int64
				for _, q := range records {
					ids = append(ids, q.ID)
				}
				if err := t.q.Delete(ctx, ids); err != nil {
					return err
				}
				failpoint.Hit("acknowledged")
			}
			sent := make([]int64, 0, len(records))`, ackBeforeOutbox,
		},
		{ // the inbox is written by itself, before the rest
			commit, "t := &transaction{store: s}",
			`if failpoint.Twin("` + dedupOutside + `") {
				own := &transaction{store: s}
				own.inbox(commits)
				for i := range commits {
					commits[i].Inbox = false
				}
				_ = s.pool.SendBatch(ctx, &own.Batch).Close()
				failpoint.Hit("deduplicated")
			}
			t := &transaction{store: s}`, dedupOutside,
		},
		{ // whoever comes may move the offset
			commit, "const mine = ` WHERE consumer_group = $1 AND topic = $2 AND topic_id = $3 AND partition = $4 AND epoch = $5`",
			`mine := " WHERE consumer_group = $1 AND topic = $2 AND topic_id = $3 AND partition = $4 AND " +
				failpoint.Choose("` + fenceRemoved + `", "epoch = $5", "$5::bigint IS NOT NULL")`, fenceRemoved,
		},
		{
			commit, "`UPDATE fence SET next_off = $7, moved_at = now()`+mine+` AND next_off = $6 RETURNING 1`",
			"`UPDATE fence SET next_off = $7, moved_at = now()`+mine+failpoint.Choose(\"" + fenceRemoved +
				"\", failpoint.Choose(\"" + generationOnly + "\", ` AND next_off = $6`, ` AND $6::bigint IS NOT NULL`), ` AND $6::bigint IS NOT NULL`)+` RETURNING 1`",
			fenceRemoved,
		},
		{ // the epoch of a claim is the generation of the group, which a static member keeps
			view, "SET epoch = fence.epoch + 1, instance", "SET epoch = ` + failpoint.Choose(\"" + generationOnly +
				"\", `fence.epoch + 1`, failpoint.Generation()) + `, instance", generationOnly,
		},
		{view, "VALUES ($1, $2, $3, $4, 1, 0, $5)", "VALUES ($1, $2, $3, $4, ` + failpoint.Choose(\"" + generationOnly +
			"\", `1`, failpoint.Generation()) + `, 0, $5)", generationOnly},
		{view, "const query = `\n\t\tINSERT INTO fence", "query := `\n\t\tINSERT INTO fence", generationOnly},
		{
			consume, "ids, err := s.topicIDs(ctx, offsets)", "_, generation := s.kgo.GroupMetadata()\nfailpoint.SetGeneration(generation)\n" +
				"ids, err := s.topicIDs(ctx, offsets)", generationOnly,
		},
		{ // what was read is taken for what is still there
			state, "WHERE s.version = excluded.version >> $7", "` + failpoint.Choose(\"" + selectThenWrite +
				"\", `WHERE s.version = excluded.version >> $7`, ``) + `", selectThenWrite,
		},
		{ // the idempotency key is another one after a restart
			"onex/engine/admit.go", "IdempotencyKey: it.IdempotencyKey,", "IdempotencyKey: it.IdempotencyKey + failpoint.Suffix(\"" + keyOfProcess + "\"),", keyOfProcess,
		},
		{ // whoever gives a partition back goes on with what it has of it
			"internal/delivery/dispatcher.go", "\n\tw.end()\n", "\nif !failpoint.Twin(\"" + revokeIgnored + "\") {\nw.end()\n}\n", revokeIgnored,
		},
		{consume, "kgo.FetchIsolationLevel(kgo.ReadCommitted())", "kgo.FetchIsolationLevel(failpoint.Choose(\"read-uncommitted\", kgo.ReadCommitted(), kgo.ReadUncommitted()))", readUncommitted},
	}
}
