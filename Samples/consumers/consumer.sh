#!/usr/bin/env bash
# Runs a command for every event of a segmentd socket, with the event's line of JSON on its standard input:
#
#     consumer.sh /run/segmentd/door.sock enter curl --silent --json @- https://example.org/hook
#
# The second argument is the event: new, update, end, enter, leave, dwell, cross, or all. Without a command the lines are
# printed. Needs socat; connects again when the daemon restarts.
set -euo pipefail
[ $# -ge 2 ] || {
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
socket=$1 event=$2
shift 2

while true; do
    # A consumer that is slow loses its own oldest lines and is told so by a "gap"; the daemon waits for nobody.
    socat -u "UNIX-CONNECT:$socket" - || true
    sleep 1
done | while IFS= read -r line; do
    # Every line is one JSON object that begins with its type, and an event's goes on with its name.
    case $line in
    '{"type":"event","event":"'"$event"'",'*) ;;
    '{"type":"event",'*) [ "$event" = all ] || continue ;;
    *) continue ;;
    esac
    if [ $# -eq 0 ]; then
        printf '%s\n' "$line"
    else
        # A command that fails is its own affair; the next event comes all the same.
        printf '%s\n' "$line" | "$@" || echo "$1 failed for: $line" >&2
    fi
done
