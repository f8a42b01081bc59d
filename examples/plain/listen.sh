#!/usr/bin/env bash
# Prints the messages of topics, one JSON a line, and goes on where it was cut off. Needs curl.
#
#   listen.sh http://127.0.0.1:3000 demo/messages [TOPIC...]
#
# RETRY_S: seconds between two tries, at most (default 1).
set -euo pipefail

base="$1"
shift
query="" id="" data="" event="" last_id=""
for topic in "$@"; do query="$query&topic=$topic"; done

while true; do
    while IFS= read -r line; do
        case "$line" in
        "id: "*) id="${line#id: }" ;;
        "event: "*) event="${line#event: }" ;;
        "data: "*) data="${line#data: }" ;;
        # An empty line ends the event: only now has it arrived, and only now does its id count.
        "")
            last_id="$id"
            case "$event" in
            "") if [ -n "$data" ]; then printf '%s\n' "$data"; fi ;;
            gap) printf 'some messages may be missing: %s\n' "$data" >&2 ;;
            esac
            event="" data=""
            ;;
        esac
    done < <(curl --silent --show-error --fail --no-buffer --header "Last-Event-ID: $last_id" \
        --max-time 3600 --speed-limit 1 --speed-time 40 "$base/live?${query#&}" || true)
    # What was cut off in the middle comes again, whole.
    id="$last_id" event="" data=""
    sleep "$(awk -v most="${RETRY_S:-1}" 'BEGIN { srand(); print rand() * most }')"
done
