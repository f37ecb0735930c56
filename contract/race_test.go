//go:build race

package contract

// slowdown is what the race detector costs at most.
const slowdown = 10
