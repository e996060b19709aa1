#!/bin/sh
# Validates every configuration and mapping in examples/ with the collector given, and builds the collectors of their own there
# with the builder given.
set -eu
cd "$(dirname "$0")/.."
collector=$1
builder=$PWD/$2
# What the examples are started with.
gates=--feature-gates=+extension.healthcheck.useComponentStatus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the examples read from the environment. Nothing of it is used, only looked at.
export O365MT_ENDPOINT=https://localhost:1/v1.0/admin/exchange/tracing/messageTraces
export O365MT_AUTHORITY=https://localhost:1
export O365MT_TENANT_ID=11111111-1111-1111-1111-111111111111
export O365MT_CLIENT_ID=22222222-2222-2222-2222-222222222222
export O365MT_CLIENT_SECRET=secret
export O365MT_CA_FILE="$work/ca.pem"
export O365MT_STORAGE="$work/storage"
export O365MT_ORGANIZATION=contoso.com
export OTLP_ENDPOINT=localhost:4317
export GIT_BRANCH=production
export O365MT_INSPECTOR=localhost:8365
export CONTOSO_TENANT_ID=contoso.com
export CONTOSO_CLIENT_ID=$O365MT_CLIENT_ID
export FABRIKAM_TENANT_ID=fabrikam.com
export FABRIKAM_CLIENT_ID=$O365MT_CLIENT_ID
export HASH_SECRET=secret
export O365MT_FILE="$work/mail.json"
export KAFKA_BROKERS=localhost:9092
export LOKI_URL=https://localhost:3100
export ELASTIC_API_KEY=secret
export CLICKHOUSE_ENDPOINT=https://localhost:8443
export CLICKHOUSE_USERNAME=reader
export CLICKHOUSE_PASSWORD=secret

for config in examples/*.yaml; do
	echo "validate $config"
	"$collector" validate "$gates" --config "$config"
done

# A list of tenants stands for the receivers, one for each of its lines.
echo "validate examples/tenants"
FABRIKAM_ENDPOINT=localhost:4317 "$collector" validate "$gates" --config examples/tenants/collector.yaml \
	--config 'tenants:examples/tenants/tenants.yaml#strict'

# A mapping is a second file beside a whole configuration.
for mapping in examples/mappings/*.yaml; do
	echo "validate $mapping"
	"$collector" validate "$gates" --config examples/graph-to-otlp.yaml --config "$mapping"
done

# Beside the examples, since the manifests name this module by its path.
for manifest in examples/*/builder*.yaml; do
	echo "build $manifest"
	(cd "$(dirname "$manifest")" && "$builder" --config "$(basename "$manifest")" 2>"$work/log") ||
		{ cat "$work/log" >&2; exit 1; }
done
