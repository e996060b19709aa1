// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Command detection measures what the rules of package findings find of simulated mail: the table in docs/findings.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	seeds := flag.Int("seeds", 20, "how many tenants")
	days := flag.Int("days", 3, "how many days of each")
	flag.Parse()
	for _, perDay := range []int{20_000, 200_000} {
		var all result
		for seed := range *seeds {
			r, err := run(world{seed: uint64(seed + 1), days: *days, rowsPerDay: perDay})
			if err != nil {
				fmt.Fprintln(os.Stderr, "detection:", err)
				os.Exit(1)
			}
			all.add(r)
		}
		all.print(os.Stdout, perDay, *seeds, *days)
	}
}

// memory is what the heap holds after a collection, in bytes.
func memory() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
