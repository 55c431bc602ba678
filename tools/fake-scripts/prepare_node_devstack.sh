#!/bin/sh -e
# A set-up script for template servers. It gets the server's host name as its first argument, and the daemon's
# NODEPOOL_* variables. On the fake cloud it is copied, and "runs" without being executed anywhere.
echo "setting up $1"
