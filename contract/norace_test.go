//go:build !race

package contract

// slowdown is what the race detector costs at most: it is off.
const slowdown = 1
