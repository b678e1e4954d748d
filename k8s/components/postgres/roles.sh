#!/bin/sh
# Makes the roles once, when the image of PostgreSQL has made an empty cluster. It gives the passwords from files to roles.sql.
set -eu
here=${ROLES_FOLDER:-/etc/payterms/roles}
passwords=${PASSWORDS_FOLDER:-/etc/payterms/passwords}
set -- --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres
for role in owner wallet invoicing credit plans; do
  set -- "$@" --set "$role=$(cat "$passwords/$role")"
done
psql "$@" --file "$here/roles.sql"
