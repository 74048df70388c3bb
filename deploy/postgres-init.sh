#!/bin/sh
# Lets the standby of compose.yaml copy this server and follow it.
set -eu
echo "host replication usher all scram-sha-256" >> "$PGDATA/pg_hba.conf"
