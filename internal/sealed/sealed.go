// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package sealed writes records for a storage so that damage to them is noticed: a checksum, a line break, and JSON.
package sealed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errChecksum is a record that is not as it was written.
var errChecksum = errors.New("its checksum is wrong")

// Seal returns the stored form of a record, which must be one that JSON can always express.
func Seal(record any) []byte {
	text, _ := json.Marshal(record)
	return append(fmt.Appendf(nil, "%s\n", checksum(text)), text...)
}

// Open reads the stored form into record. An error describes the damage.
func Open(stored []byte, record any) error {
	sum, text, _ := bytes.Cut(stored, []byte("\n"))
	if string(sum) != checksum(text) {
		return errChecksum
	}
	return json.Unmarshal(text, record)
}

func checksum(text []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli))
}
