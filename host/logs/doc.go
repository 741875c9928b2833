// Package logs keeps the log of use while others choose what is in it, and how often: clients, filters and their authors.
//
//	Clipped   no value is longer than it may be
//	Bucket    so many lines and bytes in a second
//	Rare      one line a minute, which says how often it happened
package logs
