#!/bin/sh
# Makes the two databases on the first start of the PostgreSQL container: `prefect` for the dashboard, `polyomics` for
# studies and results, with a role each and passwords from files. `polyomics` gets its roles from deploy/postgresql.
set -eu

psql="psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username $POSTGRES_USER"

$psql --dbname postgres <<'SQL'
CREATE ROLE prefect LOGIN;
CREATE DATABASE prefect OWNER prefect;
CREATE DATABASE polyomics;
REVOKE ALL ON DATABASE prefect FROM PUBLIC;
SQL
$psql --dbname polyomics --file "${ROLES_FILE:-/roles.sql}"

# \set reads the file inside psql, so that no password is in a command line; statements with passwords are not logged.
set_password() {
    $psql --dbname postgres --set "role=$1" <<SQL
SET log_statement = 'none';
\\set password \`cat "${SECRETS:-/run/secrets}/$2"\`
ALTER ROLE :"role" PASSWORD :'password';
SQL
}
set_password prefect prefect_database_password
set_password polyomics_owner polyomics_owner_password
set_password polyomics_worker polyomics_worker_password
