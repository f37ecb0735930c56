package embedded

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// maxWait is how long a blocking query lasts if it does not say, and at most twice that.
const maxWait = 5 * time.Minute

func (c *Catalog) getKV(w http.ResponseWriter, r *http.Request) {
	key, recurse := r.PathValue("key"), r.URL.Query().Has("recurse")
	c.awaitKV(r)
	c.mu.Lock()
	index := c.kvIndex
	found := []*api.KVPair{}
	for _, k := range slices.Sorted(maps.Keys(c.kv)) {
		if k == key || recurse && strings.HasPrefix(k, key) {
			found = append(found, c.kv[k])
		}
	}
	c.mu.Unlock()
	if len(found) == 0 {
		c.replyAt(w, http.StatusNotFound, index, nil)
		return
	}
	c.replyAt(w, http.StatusOK, index, found)
}

// awaitKV holds a blocking query until KV is past the index it names, or its time is over. Like
// Consul it may end early: a change of any key counts.
func (c *Catalog) awaitKV(r *http.Request) {
	index, err := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64)
	if err != nil || index == 0 {
		return
	}
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if err != nil || wait <= 0 {
		wait = maxWait
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, 2*maxWait))
	defer cancel()
	for {
		c.mu.Lock()
		past, changed := c.kvIndex > index, c.changed
		c.mu.Unlock()
		if past {
			return
		}
		select {
		case <-changed:
		case <-c.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (c *Catalog) putKV(w http.ResponseWriter, r *http.Request) {
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, fmt.Sprintf("Request body too large, max size: %d bytes.", maxBody), http.StatusRequestEntityTooLarge)
		return
	}
	c.changeKV(func(index uint64) {
		pair := &api.KVPair{Key: r.PathValue("key"), Value: value, CreateIndex: index, ModifyIndex: index}
		if old, ok := c.kv[pair.Key]; ok {
			pair.CreateIndex = old.CreateIndex
		}
		c.kv[pair.Key] = pair
	})
	c.reply(w, http.StatusOK, true)
}

func (c *Catalog) deleteKV(w http.ResponseWriter, r *http.Request) {
	key, recurse := r.PathValue("key"), r.URL.Query().Has("recurse")
	c.changeKV(func(uint64) {
		maps.DeleteFunc(c.kv, func(k string, _ *api.KVPair) bool {
			return k == key || recurse && strings.HasPrefix(k, key)
		})
	})
	c.reply(w, http.StatusOK, true)
}

// changeKV changes KV under the next index and wakes whoever waits for that.
func (c *Catalog) changeKV(change func(index uint64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index = max(c.index, c.kvIndex) + 1
	c.kvIndex = c.index
	change(c.index)
	close(c.changed)
	c.changed = make(chan struct{})
}
