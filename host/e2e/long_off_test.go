//go:build !long

package e2e_test

const isLong = false
