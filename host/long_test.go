//go:build long

package host_test

// isLong has tests of this package do as much as they can: `make test-long`.
const isLong = true
