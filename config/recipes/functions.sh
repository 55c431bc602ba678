# shellcheck shell=sh
# What the recipes share: they source it. Needs a POSIX shell, curl and OpenSSH's client; no jq.
#
# Secrets: the arguments of a program are for everybody on the machine to see. So curl reads its credentials from its
# standard input, and nodes get theirs over that of ssh.
#
# shellcheck disable=SC2034,SC2154 # these variables are what the recipes and this file tell each other

newline='
'

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# need NAME...: fails unless these settings are there.
need() {
  for setting; do
    eval "[ -n \"\${$setting:-}\" ]" || fail "$setting is not set"
  done
}

is_readable() { [ -r "$1" ] && [ ! -d "$1" ]; }

# read_secret FILE: sets $secret to its first line.
read_secret() {
  secret=
  is_readable "$1" || fail "cannot read $1: there is no such file, or $(id -un) may not read it"
  IFS= read -r secret <"$1" || [ -n "$secret" ] || fail "there is no secret in $1"
  case $secret in
    *[\"\\]* | *[[:cntrl:]]*) fail "the secret in $1 has characters that no token has" ;;
  esac
}

# http METHOD URL [OPTION...]: sets $status (000: no answer) and $body. The options are curl's; $credentials is a line of
# its configuration file.
http() {
  http_method=$1 http_url=$2
  shift 2
  body=$(printf '%s\n' "$credentials" | curl -q --silent --max-time 60 --config - --request "$http_method" \
    --write-out '\n%{http_code}' "$@" -- "$http_url")
  status=${body##*"$newline"}
  body=${body%"$newline"*}
}

# field NAME <JSON: the first text or number with that key. It splits at brackets and commas, so it is for values that
# have none. Nothing inside of a text looks like a key: its quotation marks have backslashes.
field() {
  split_json | sed -n 's/^"'"$1"'"[[:space:]]*:[[:space:]]*"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' | sed -n '/^null$/d;p' |
    sed -n 1p
}

split_json() { tr '{}[],' '[\n*]' | sed 's/^[[:space:]]*//;s/[[:space:]]*$//'; }

# json_text TEXT: as it stands in JSON.
json_text() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

# --- a node from the HTTP interface of the pool ---
# NODEPOOL_URL         where the daemon listens, such as http://127.0.0.1:8005
# NODEPOOL_TOKEN_FILE  a file with the token that `nodepool token create NAME` prints
# NODEPOOL_KEY         the private key that lets in to nodes (default: what ssh takes by itself)

open_pool() {
  need NODEPOOL_URL NODEPOOL_TOKEN_FILE
  read_secret "$NODEPOOL_TOKEN_FILE"
  credentials="header = \"Authorization: Bearer $secret\""
}

# ask METHOD PATH [OPTION...]: like http, of the pool. Asks again, after these seconds, when it does not answer, or is busy.
# Fails with what it says: 1 while it is so, 2 when it refuses.
patience='1 2 4 8 15'
ask() {
  ask_method=$1 ask_path=$2
  shift 2
  for pause in $patience ''; do
    http "$ask_method" "${NODEPOOL_URL%/}$ask_path" "$@"
    case $status in
      2??) return 0 ;;
      000 | 429 | 5??) failure=1 ;;
      *) failure=2 && break ;;
    esac
    [ -z "$pause" ] || sleep "$pause"
  done
  [ "$status" != 000 ] || body='"message":"it does not answer"'
  say "$NODEPOOL_URL says $status: $(printf '%s' "$body" | sed 's/.*"message":"\(.*\)".*/\1/;s/\\"/"/g')"
  return "$failure"
}

# request_node JSON: sets $request and $ttl. One that got no answer is repeated under the same key, and is one request. There
# is none without the key that its node would be needed for; what gives back needs no key.
request_node() {
  [ -z "${NODEPOOL_KEY:-}" ] || is_readable "$NODEPOOL_KEY" || fail "cannot read the key $NODEPOOL_KEY: check NODEPOOL_KEY"
  key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  ask POST /api/v1/requests --header "Idempotency-Key: $key" --header 'Content-Type: application/json' --data "$1" ||
    return 1
  request=$(printf '%s' "$body" | field id)
  ttl=$(printf '%s' "$body" | field ttl)
  case $request in
    '' | *[!0-9]*) request='' && fail "what answers at $NODEPOOL_URL is no pool: check NODEPOOL_URL" ;;
  esac
}

# is_granted: after request_node or look_at_request. Fails the script's way when the request has ended.
is_granted() {
  case $(printf '%s' "$body" | field state) in
    granted) return 0 ;;
    waiting) return 1 ;;
    *) fail "request $request has ended: $(printf '%s' "$body" | field end_reason)" ;;
  esac
}

look_at_request() { ask GET "/api/v1/requests/$request"; }

# read_node FILE: sets what ssh_to_node needs, and makes FILE one that knows the node's host key and no other.
read_node() {
  known_hosts=$1
  # The request comes first, then its node, then that node's subnodes; the request has some of the same keys.
  node=${body#*\"nodes\"}
  node=${node%%\"subnodes\"*}
  node_id=$(printf '%s' "$node" | field id)
  address=$(printf '%s' "$node" | field ip)
  port=$(printf '%s' "$node" | field port)
  username=$(printf '%s' "$node" | field username)
  if [ -z "$address" ] || [ -z "$username" ]; then fail "request $request has no node to log in to"; fi
  printf '%s' "$node" | split_json | sed -n 's/^"\([a-z0-9@.-]* [A-Za-z0-9+/=]*\)"$/node-'"$node_id"' \1/p' >"$known_hosts"
}

# ssh_to_node COMMAND...: for the background, where it becomes ssh. Where the pool knows no host key, what shows is taken.
# A node that does not let in, or dies without a word, is noticed within two minutes.
ssh_to_node() {
  strict=yes
  [ -s "$known_hosts" ] || strict=accept-new
  exec ssh ${terminal:+"$terminal"} -o BatchMode=yes -o LogLevel=ERROR -o ConnectTimeout=60 -o ServerAliveInterval=30 \
    -o "HostKeyAlias=node-$node_id" -o "UserKnownHostsFile=\"$known_hosts\"" -o "StrictHostKeyChecking=$strict" \
    ${NODEPOOL_KEY:+-i "$NODEPOOL_KEY" -o IdentitiesOnly=yes} -p "$port" -l "$username" -- "$address" "$@"
}

# keep_lease: for the background. It ends with the script, however that ends, and then the lease ends too. It extends before
# it sleeps: what it runs beside may be one of many short steps under one lease.
keep_lease() {
  interval=$((ttl / 3))
  [ "$interval" -gt 0 ] || interval=1
  retry=$((interval < 10 ? interval : 10))
  patience=''
  while kill -0 $$ 2>/dev/null; do
    # Told to end, it waits for no answer. What asks does not have the script's output: somebody may read that to its end.
    trap - TERM
    said=$(exec 2>&1 && extend_lease)
    case $? in
      0) pause=$interval ;;
      1) pause=$retry ;;
      *) pause='' ;;
    esac
    [ -z "$said" ] || printf '%s\n' "$said" >&2
    [ -n "$pause" ] || return
    trap 'kill "$!" 2>/dev/null; exit' TERM
    sleep "$pause" >/dev/null 2>&1 &
    wait "$!"
  done
}

extend_lease() {
  ask POST "/api/v1/requests/$request/extend" --max-time 10 --header 'Content-Type: application/json' --data "{\"ttl\":$ttl}"
}

# give_back success|failure
give_back() {
  ask DELETE "/api/v1/requests/$request?result=$1" || say "request $request is not given back; its lease will run out"
}

# --- an agent on a node, for the recipes that start one ---

# start_on_node OPTION... LABEL -- COMMAND...: starts it in the background, with what is written to descriptor 4 as its
# input. Needs $work, a directory of ours, and finish, which the script does at its end. With NODEPOOL_URL it is a node from
# there, else one of the pool on this host.
start_on_node() {
  mkfifo "$work/input"
  if [ -n "${NODEPOOL_URL:-}" ]; then
    "$here/with-node" "$@" <"$work/input" &
  else
    # In a session of its own, so that it can be interrupted together with its ssh.
    setsid nodepool run "$@" <"$work/input" &
  fi
  child=$!
  # Does what is left to do when what only this shell writes to ends without a word: when this shell was killed. The node comes
  # first, and nobody who reads our output to its end waits for the rest.
  mkfifo "$work/lifeline"
  { read -r _ <"$work/lifeline" || { stop_on_node; exec >/dev/null 2>&1; finish; }; } &
  exec 5>"$work/lifeline" 4>"$work/input"
  # Who reads it may be gone: that shows by the failure of what writes.
  trap '' PIPE
}

# Has the node given back.
stop_on_node() {
  if [ -n "${NODEPOOL_URL:-}" ]; then kill -TERM "$child"; else kill -INT "-$child"; fi 2>/dev/null
}

# wait_on_node: sets $code. What is told to stop meanwhile stops, and is waited for.
wait_on_node() {
  wait "$child"
  code=$?
  while [ -n "$signal" ] && kill -0 "$child" 2>/dev/null; do wait "$child"; done
  echo 'ended' >&5
}
