// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/o365messagetrace/o365messagetrace/internal/trouble"
	"github.com/o365messagetrace/o365messagetrace/receiver/internal/metadata"
)

// A file that is none of a storage is named in the command that moves it away, and the receiver starts without it.
func TestADamagedFileIsNamed(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"": "receiver_o365messagetrace_", "a/ü x": "receiver_o365messagetrace_a~002F~00FC~0020x"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			factory, folder := filestorage.NewFactory(), t.TempDir()
			id := component.NewIDWithName(factory.Type(), "state")
			storageConfig := factory.CreateDefaultConfig().(*filestorage.Config)
			storageConfig.Directory = folder
			files, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), storageConfig)
			require.NoError(t, err)
			path := filepath.Join(folder, file)
			require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("damage "), 10_000), 0o600))

			cfg := createDefaultConfig().(*Config)
			cfg.StorageID = &id
			set := receivertest.NewNopSettings(metadata.Type)
			set.ID = component.NewIDWithName(metadata.Type, name)
			r, err := newMessageTraceReceiver(set, cfg, consumertest.NewNop())
			require.NoError(t, err)
			r.host = extensions{id: files}
			_, err = r.storageClient(t.Context(), id, "")
			require.Error(t, err)
			assert.Equal(t, "mv DIRECTORY/"+file+" DIRECTORY/"+file+".damaged", trouble.StepOf(err).Command)

			require.NoError(t, os.Rename(path, path+".damaged"))
			client, err := r.storageClient(t.Context(), id, "")
			require.NoError(t, err)
			require.NoError(t, client.Close(context.Background()))
		})
	}
}

// Where a file cannot be opened for another reason, it is not to blame.
func TestAFileThatIsNotDamagedIsLeftAlone(t *testing.T) {
	t.Parallel()
	factory := filestorage.NewFactory()
	id := component.NewID(factory.Type())
	storageConfig := factory.CreateDefaultConfig().(*filestorage.Config)
	storageConfig.Directory = filepath.Join(t.TempDir(), "gone")
	files, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), storageConfig)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	cfg.StorageID = &id
	r, err := newMessageTraceReceiver(receivertest.NewNopSettings(metadata.Type), cfg, consumertest.NewNop())
	require.NoError(t, err)
	r.host = extensions{id: files}
	_, err = r.storageClient(t.Context(), id, "")
	require.Error(t, err)
	assert.Empty(t, trouble.StepOf(err))
}
