// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Configschema writes the JSON schemas of the receiver's configuration into the folder named by its argument. What they
// say comes from the Config struct and its comments, from the default configuration, and from the rules of this package.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/o365messagetrace/o365messagetrace/receiver"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "configschema: which folder? Say: go run ./receiver/internal/configschema receiver")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "configschema:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	for name, content := range files {
		err = errors.Join(err, root.WriteFile(name, content, 0o600))
	}
	return errors.Join(err, root.Close())
}

// generate returns the schemas by the names of their files.
func generate() (map[string][]byte, error) {
	own, err := ofConfig()
	if err != nil {
		return nil, err
	}
	const ownFile = "config.schema.json"
	files := map[string][]byte{}
	for name, s := range map[string]*schema{ownFile: own, "collector.schema.json": ofCollector(ownFile)} {
		s.Schema = "https://json-schema.org/draft/2020-12/schema"
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(s); err != nil {
			return nil, err
		}
		files[name] = out.Bytes()
	}
	return files, nil
}

// ofCollector is the schema of a collector's configuration file, as far as this receiver is in it.
func ofCollector(own string) *schema {
	id := receiver.NewFactory().Type().String()
	return &schema{
		Title: "Configuration of a collector with the receiver " + id,
		Type:  []string{"object"},
		Properties: map[string]*schema{"receivers": {
			Type:              []string{"object"},
			PatternProperties: map[string]*schema{"^" + id + "(/.+)?$": {Ref: own}},
		}},
	}
}
