#!/usr/bin/env python3
"""Prints the messages of topics, one JSON a line, and goes on where it was cut off. Needs nothing but Python 3.8.

    listen.py http://127.0.0.1:3000 demo/messages [TOPIC...]

RETRY_S: seconds between two tries, at most (default 1).
"""

import http.client
import os
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# The server beats each 15 s: a connection that is silent for longer than two beats is dead.
SILENCE_S = 40


def events(response):
    """The events of a stream as (name, data, id); an event that is cut off is none."""
    name, data, event_id = "", [], None
    for line in response:
        line = line.decode().rstrip("\r\n")
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if line == "":
            yield name, "\n".join(data), event_id
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            event_id = value


def listen(base, topics):
    """The messages of topics, for ever."""
    url = base + "/live?" + urllib.parse.urlencode([("topic", topic) for topic in topics])
    last_id = ""
    while True:
        try:
            request = urllib.request.Request(url, headers={"Last-Event-ID": last_id})
            with urllib.request.urlopen(request, timeout=SILENCE_S) as response:
                for name, data, event_id in events(response):
                    if name == "" and data:
                        yield data
                    elif name == "gap":
                        print("some messages may be missing:", data, file=sys.stderr)
                    # Only now: what was not handed on must come again.
                    last_id = last_id if event_id is None else event_id
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise  # What is wrong with the request stays wrong; the body says what it is.
        except (OSError, http.client.HTTPException) as error:
            print("cut off:", error, file=sys.stderr)
        time.sleep(random.uniform(0, float(os.environ.get("RETRY_S", "1"))))


if __name__ == "__main__":
    for message in listen(sys.argv[1], sys.argv[2:]):
        print(message, flush=True)
