#!/bin/sh
# Lets the standby of compose.yaml copy this server and follow it. From the start
# after this one every commit waits for it.
set -eu
echo "host replication usher all scram-sha-256" >> "$PGDATA/pg_hba.conf"
psql -qc "ALTER SYSTEM SET synchronous_standby_names = '*'"
