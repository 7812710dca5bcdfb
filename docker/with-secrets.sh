#!/bin/sh
# Runs a command with passwords from files: what the file that NAME_FILE names holds goes into NAME.
# Prefect reads variables only, while Docker and Kubernetes hand secrets over as files.
set -eu

for name in PREFECT_API_AUTH_STRING PREFECT_SERVER_API_AUTH_STRING PREFECT_SERVER_DATABASE_CONNECTION_URL; do
    eval "file=\${${name}_FILE:-}"
    if [ -n "$file" ]; then
        if [ ! -r "$file" ]; then
            echo "error: ${name}_FILE names $file, which cannot be read" >&2
            exit 2
        fi
        value=$(cat "$file")
        if [ -z "$value" ]; then
            echo "error: ${name}_FILE names $file, which is empty" >&2
            exit 2
        fi
        export "$name=$value"
        unset "${name}_FILE" value
    fi
done

exec "$@"
