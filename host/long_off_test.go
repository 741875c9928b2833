//go:build !long

package host_test

const isLong = false
