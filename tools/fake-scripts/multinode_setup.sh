#!/bin/sh -e
# A ready script: it runs on every server of a node once the files in /etc/nodepool are written. On the fake cloud
# it "runs" without being executed anywhere.
echo "$1 is the $(cat /etc/nodepool/role) server of $(cat /etc/nodepool/primary_node)"
