package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// cpu is the processor time that the peer and its children have used, and how much memory they hold.
func (p *peer) cpu() (used time.Duration, resident int64) {
	if p.process == nil {
		return 0, 0
	}
	return cpuOf(family(p.process.Process.Pid)...)
}

// cpuOf is what processes have used, and the memory that they have.
func cpuOf(pids ...int) (used time.Duration, resident int64) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The second field, the name in parentheses, may hold anything; fields are counted behind it.
		_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
		fields := strings.Fields(rest)
		user, _ := strconv.ParseInt(fields[11], 10, 64)
		system, _ := strconv.ParseInt(fields[12], 10, 64)
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		used += time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 on every Linux
		resident += pages * int64(os.Getpagesize())
	}
	return used, resident
}

// family is a process and its children; nginx works in children.
func family(pid int) []int {
	all := []int{pid}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return all
	}
	for field := range strings.FieldsSeq(string(children)) {
		if child, err := strconv.Atoi(field); err == nil {
			all = append(all, family(child)...)
		}
	}
	return all
}
