// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package jobinspector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/o365messagetrace/o365messagetrace/extension/jobinspector/internal/metadata"
)

// NewFactory returns the factory of the Job Inspector.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newInspector(set, cfg.(*Config)), nil
}
