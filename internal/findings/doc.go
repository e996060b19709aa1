// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package findings finds malicious activity in message traces: bulk mail, look-alike and spoofed domains, exfiltration,
// and what only histories of statuses show. Observations go in, findings come out. There is no clock, no logger and no I/O
// in it, and all of its state is bounded.
//
// A rule tracks series: what one sender, domain or mailbox did, as entries in time. Time is the time of the mail, in whole
// seconds, because the two services print it with different precision. Whenever a series has changed, its windows are
// judged: all stretches of the rule's length that begin with an entry. More entries can only make windows fuller, never
// emptier, and a finding is identified by rule, key, quiet period and size, not by the row that happened to complete it. So
// the order in which mail is read changes neither findings nor their UIDs.
package findings
