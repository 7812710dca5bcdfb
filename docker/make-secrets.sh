#!/bin/sh
# Makes the passwords of compose.yaml, one file each, in a folder that nobody else may enter: docker/secrets.
# Files that are there stay.
set -eu

folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
cd "$folder"

# make NAME COMMAND...: NAME gets what the command writes, whole or not at all.
make() {
    name=$1
    shift
    if [ ! -s "$name" ]; then
        "$@" >"$name.new"
        mv "$name.new" "$name"
    fi
}
password() {
    head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'
}
text() {
    printf '%s' "$1"
}

make postgres_password password
make prefect_database_password password
make polyomics_owner_password password
make polyomics_worker_password password
make dashboard_password password
make prefect_auth_string text "admin:$(cat dashboard_password)"
make prefect_database_url \
    text "postgresql+asyncpg://prefect:$(cat prefect_database_password)@database/prefect"
make polyomics_owner_url text "postgresql://polyomics_owner:$(cat polyomics_owner_password)@database/polyomics"
make polyomics_worker_url text "postgresql://polyomics_worker:$(cat polyomics_worker_password)@database/polyomics"
# The programs in the containers are other users and get these files as they are; the folder keeps everybody else out.
chmod 0444 ./*
echo "passwords are in $(pwd); the dashboard's user is admin, its password is in dashboard_password"
