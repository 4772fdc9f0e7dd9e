# Run by boot within a systemd of its own: the installed units as a user has them.

fail() {
    echo "failed: $*"
    systemctl status --no-pager segmentd.service
    exit 1
}

# Waits until a command succeeds: within SECONDS COMMAND...
within() {
    local seconds=$1
    shift
    while ! "$@" > /dev/null 2>&1; do
        [ $((seconds--)) -gt 0 ] || return 1
        sleep 1
    done
}

value() { systemctl show --value -p "$1" "${2:-segmentd.service}"; }

# The type of the first line on a socket.
greeting() {
    python3 -c 'import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(sys.argv[1])
print(json.loads(s.makefile().readline())["type"])' "$1"
}
greets() { [ "$(greeting "$1")" = hello ]; }

systemctl start segmentd.service || fail "segmentd.service did not become ready"
echo "ok: segmentd.service is ready with the installed configuration"
systemctl stop segmentd.service
[ "$(value Result)" = success ] || fail "stopping ended with $(value Result)"
[ ! -e /run/segmentd ] || fail "/run/segmentd stays after a stop"
echo "ok: it stops within its time, and /run/segmentd goes with it"

cat > /etc/segmentd/segmentd.yaml <<END
http: off
streams:
  - name: door
    source: test:shapes?size=320x240&rate=10
    outputs:
      - socket: /run/segmentd.sock
      - socket: /run/segmentd/door.sock
      - json: /var/lib/segmentd/door.jsonl
      - record: {directory: /var/lib/segmentd/door, segment: 10s}
END
sed -e 's#/run/segmentd\.sock#/run/segmentd-yard/second.sock#' -e 's#segmentd/#segmentd-yard/#' /etc/segmentd/segmentd.yaml > /etc/segmentd/yard.yaml

systemctl start segmentd.socket || fail "segmentd.socket did not start"
systemctl start segmentd.service segmentd@yard.service || fail "the units did not become ready with two streams"
for path in /run/segmentd.sock /run/segmentd/door.sock /run/segmentd-yard/door.sock; do
    within 20 greets $path || fail "nothing greets on $path"
done
echo "ok: both instances greet, on systemd's socket too"
within 20 test -s /var/lib/segmentd/door.jsonl || fail "no JSON lines in /var/lib/segmentd"
recorded() { [ -n "$(find /var/lib/segmentd/door/ -type f -size +0)" ]; }
within 20 recorded || fail "no recording in /var/lib/segmentd"
[ "$(ps -o user= -p "$(value MainPID)")" != root ] || fail "the daemon runs as root"
echo "ok: JSON lines and recordings in /var/lib/segmentd, by $(ps -o user= -p "$(value MainPID)")"

process=$(value MainPID)
systemctl reload segmentd.service || fail "it does not reload"
[ "$(value MainPID)" = "$process" ] || fail "a reload is a restart"
kill -STOP "$process"
restarted() { [ "$(value NRestarts)" = 1 ] && [ "$(value ActiveState)" = active ]; }
within 60 restarted || fail "a wedged daemon is not restarted"
within 20 greets /run/segmentd.sock || fail "nothing greets on systemd's socket after a restart"
echo "ok: a wedged daemon is restarted by the watchdog, and its socket goes on"

systemctl stop segmentd.service
[ "$(value ActiveState segmentd@yard.service)" = active ] && greets /run/segmentd-yard/door.sock ||
    fail "an instance suffers from another's stop"
[ "$(value Result)" = success ] || fail "stopping ended with $(value Result)"
echo "ok: an instance goes on while another stops"
echo done
