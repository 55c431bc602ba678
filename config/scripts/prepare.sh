#!/bin/sh
# Sets up a template server: a user for the jobs, whom the pool's key lets in. Runs as root, or as a user with sudo.
# NODEPOOL_SSH_KEY, in the environment of the daemon, is the public key; all NODEPOOL_* variables come along.
set -eu

run() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

: "${NODEPOOL_SSH_KEY:?set it for the daemon to the public key that lets it in, as in authorized_keys}"

# No password, but not locked either: an sshd without PAM lets nobody in whose account is locked.
id jenkins >/dev/null 2>&1 || run useradd --create-home --shell /bin/bash --password '*' jenkins
run mkdir -p /home/jenkins/.ssh
echo "$NODEPOOL_SSH_KEY" | run tee /home/jenkins/.ssh/authorized_keys >/dev/null
run chown -R jenkins: /home/jenkins/.ssh
run chmod 700 /home/jenkins/.ssh
run chmod 600 /home/jenkins/.ssh/authorized_keys

# What jobs need goes here: packages, caches, tools.
