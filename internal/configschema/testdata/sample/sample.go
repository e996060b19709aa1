// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package sample has a configuration with a bit of everything.
package sample

import (
	"time"

	"go.opentelemetry.io/collector/config/configoptional"
)

// Size is how large something is.
type Size string

// The sizes.
const (
	// Small is not large.
	Small Size = "small"
	Large Size = "large"
	None  Size = ""
)

// Base is a part of Config.
type Base struct {
	// MaxAge is unlike MinAge and Other.
	MaxAge time.Duration `mapstructure:"max_age"`
}

// Block is a part of Config, too.
type Block struct {
	// Deprecated: use MaxAge.
	Count int `mapstructure:"count"`
}

// Config is a configuration.
type Config struct {
	Base `mapstructure:",squash"`

	// MinAge is how old
	// mail is.
	MinAge time.Duration `mapstructure:"min_age"`
	// How large mail is.
	Size Size `mapstructure:"size"`
	// Names are those of senders.
	Names []string `mapstructure:"names"`
	// Sizes are those of names.
	Sizes map[string]Size `mapstructure:"sizes"`
	// Block may be missing.
	Block configoptional.Optional[Block] `mapstructure:"block"`

	hidden int
}
