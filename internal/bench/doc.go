// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench measures the whole path of a row, from the body of a page to the consumer, against the least that any
// program needs to read the same pages: net/http and encoding/json into structs. Both run in turn in one process, and the
// service in another, so that what is compared is the processor time of the reader alone. docs/performance.md tells what
// came of it.
package bench
