"""docs/api.md: how the API is used, and the table of its routes."""

from __future__ import annotations

from jimigw.web.api import undriven
from jimigw.web.pages import markdown

_INTRO = """\
# The HTTP API

<!-- Written by `make docs` from the declarations in the code. -->

Terminals, where they are and were, what they reported, their files, and commands to them, in JSON over HTTP. It
listens at `127.0.0.1:8080` (`http.endpoint`). A running service serves the same description: `/docs` for people,
`/openapi.json` (OpenAPI 3.1) for programs.

- [Tokens](#tokens) · [First requests](#first-requests) · [Pages](#pages) · [Following events](#following-events) ·
  [Files](#files) · [Errors](#errors) · [Limits](#limits) · [Beyond this machine](#beyond-this-machine) ·
  [Routes](#routes) · [Problems](#problems) · [Types](#types)

## Tokens

Every request but `/health`, `/ready`, `/openapi.json` and `/docs` wants `Authorization: Bearer TOKEN`. Nothing works
without one by default; the first start makes one, of the scope `admin`, in `data_dir/admin.token`.

| scope | may |
|---|---|
| `read` | ask for everything |
| `command` | also give and cancel commands, close connections, ask terminals for files, and protect files |
| `admin` | also change terminals, readers and budgets, and delete files |

```console
$ jimigw token create dispatch --scope command --expires 90 --config /etc/jimigw/jimigw.toml
jgw_5d0c3f9a_2p1...
$ jimigw token list --config /etc/jimigw/jimigw.toml
$ jimigw token revoke dispatch --config /etc/jimigw/jimigw.toml
```

A token is shown once. `data_dir/tokens.json` (mode 0600) holds its SHA-256 only. A running service knows new and
revoked tokens within two seconds, and ends the streams of those that are gone; no restart is needed. Who gave a
command is in its `owner`: `api:dispatch`. Wrong tokens get their answers later and later, and then 429; a good one
never waits. Tokens are not taken in the address, where logs would keep them.

## First requests

```console
$ export T="Authorization: Bearer $(cat var/admin.token)" A=http://127.0.0.1:8080/api/v1
$ curl -H "$T" "$A/devices?search=JC400*&online=true"
$ curl -H "$T" "$A/positions?bbox=113.7,22.4,114.6,22.9"
$ curl -H "$T" "$A/devices/863000000000017/track?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z&format=geojson"
$ curl -H "$T" "$A/alarms?device=863000000000017&limit=10"
$ curl -H "$T" -H 'Content-Type: application/json' -d '{"plate": "B 1234", "imei": "863000000000017"}' "$A/devices"
$ curl -H "$T" -H 'Content-Type: application/json' -X PATCH -d '{"name": null}' "$A/devices/863000000000017"
$ curl -H "$T" -H 'Content-Type: text/csv' --data-binary @fleet.csv "$A/import/devices"
$ curl -H "$T" -H 'Content-Type: application/json' -d '{"text": "VERSION"}' \\
    "$A/devices/863000000000017/commands?wait=30"
```

A command is stored before the answer comes, waits for its terminal as long as `ttl` says, and ends exactly once; with
`wait` the answer comes when it has ended, or when the time is up. What can do harm is refused with the problem
`confirm` until it is sent with `"confirm": true`. `message` takes a JT/T 808 message in the exchange format.

## Pages

Lists come in pages. Where the answer has a `next`, it is the `after` (or `before`, where the newest come first) of
the next page; null is the end. Records always have one: go on from there as long as `more` is true, and come back
later. A request looks through a limited part of the journal, so a page of few or of no records can have another one
behind it.

To get every record, once and in order, [follow the events](#following-events), or ask for `/records?after=ID` with
the `next` that you stored together with what you made of the records.

## Following events

```console
$ curl -N -H "$T" "$A/events?kinds=position,alarm"
id: 226
event: position
data: {"id":226,"device":"864908000000082","protocol":"jimi","kind":"position",...}
```

[Server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html): `id` is the record's id, `event`
its kind, `data` its [JSON](records.md). A stream begins behind the header `Last-Event-ID`, else behind `?after=`,
else with what comes next. It reads what was missed from the journal, then goes on with what comes: over a break, or a
restart of the service, nothing is missing and nothing comes twice, as long as retention has not deleted it; then an
event `gap` says which ids are gone. A reader that is slow gets its events late, and holds up nobody; one that takes
nothing for two minutes is closed.

A browser's `EventSource` cannot send a token. It is given a ticket in its address:

```js
let last = null;  // the last id that was seen; null at first: begin with what comes next
async function follow() {
  const headers = {Authorization: `Bearer ${token}`};
  const answer = await fetch("/api/v1/events/ticket", {method: "POST", headers});
  if (!answer.ok) throw new Error(`no ticket: ${answer.status}`);
  const {ticket} = await answer.json();
  const source = new EventSource(`/api/v1/events?ticket=${ticket}` + (last === null ? "" : `&after=${last}`));
  source.addEventListener("position", event => { last = event.lastEventId; show(JSON.parse(event.data)); });
  source.addEventListener("gap", event => console.warn("deleted meanwhile", event.data));
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) setTimeout(again, 3000); };
}
function again() { follow().catch(() => setTimeout(again, 3000)); }
again();
```

Breaks and restarts need none of that: `EventSource` comes back by itself after three seconds, says which event it saw
last, and goes on behind it. It gives up only where it gets another answer than a stream, for example a 502 from a
proxy; `onerror` then begins anew behind the last id.

| a ticket | |
|---|---|
| is made | with a token of any scope, and ends with it |
| has to begin its stream | within 60 seconds |
| is good for coming back | while its stream is open, and 10 minutes after its end or after the start of the service |
| is good for | `/api/v1/events` alone, one stream at a time: who comes with it takes over |

So an address in the log of a proxy is worth nothing soon after its page was closed. Tickets that have begun a stream
are kept, as SHA-256, in `data_dir/tickets.json` (mode 0600). A page of [another origin](#beyond-this-machine) does
the same with the whole address; its `EventSource` needs no `withCredentials`.

## Files

[uploads.md](uploads.md) says how files come, what their states mean, and how they are tied to alarms and commands.

```console
$ curl -H "$T" "$A/media?device=863000000000017&state=missing,failed"
$ curl -H "$T" "$A/media/alarms?complete=false"
$ curl -H "$T" -X POST "$A/media/17/fetch"
$ curl -H "$T" -OJ "$A/media/17/content"
$ curl -H "$T" -H 'Content-Type: application/json' -d '{"seconds": 3600}' "$A/media/17/link"
$ curl -H "$T" -H 'Content-Type: application/json' -X PATCH -d '{"protected": true}' "$A/media/17"
$ curl -H "$T" -H 'Content-Type: application/json' -d '{"time": "2026-11-20T09:30:00Z", "cameras": [1, 2]}' \\
    "$A/devices/863000000000017/clips"
$ curl -H "$T" "$A/devices/863000000000017/timeline?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z"
```

What is asked of a terminal is answered with 202 and the files as they are now; they come later, or are given up.
Records [`upload`, `file_missing` and `alarm_complete`](uploads.md#records) say so, as callbacks, events and in the
journal; `GET /api/v1/media/17` does, too. A budget that is used up is a 429; one without `Retry-After` does not end by
waiting an hour.

A page shows a picture or a clip with a link of `POST /api/v1/media/17/link` as its `src`: browsers send no token with
it, and seek in clips by ranges.

## Errors

Errors are `application/problem+json` (RFC 9457). `detail` says what was wrong and what would be right, `errors`
where: a `parameter`, a `pointer` into the body, or a `line` of a list. [All kinds](#problems).

```json
{"type":"/docs#problem-bad-request","title":"The request is not right","status":400,
 "detail":"limit: '0' is not right; expected a whole number from 1 to 1000",
 "errors":[{"detail":"'0' is not right; expected a whole number from 1 to 1000","parameter":"limit"}]}
```

What is not known is refused, not passed over: parameters, keys of a body, repeated parameters. A fault inside is a
500 with an `id` that the line in the log has too.

## Limits

| | |
|---|---|
| body | `http.max_body` (16 MiB); 64 KiB without a good token; JSON 1 MiB (commands 5 MiB) and 32 levels |
| time for a request to come in | 60 s |
| time to answer | 30 s; commands with `wait` up to 60 s more; lists of terminals 5 minutes |
| time to take a file | as long as it takes; two minutes in which nothing of it is taken end it |
| recordings of a timeline | 10,000 a page |
| connections | `http.max_connections` (1000), closed when idle for a minute |
| streams of events | `http.max_events` (64) |

## Beyond this machine

`http.endpoint = "ssl:8443:privateKey=key.pem:certKey=cert.pem"` serves HTTPS. Other endpoints beyond loopback work
and are protected by the tokens, but the log warns: without TLS whoever listens on the way sees them. Behind a proxy,
keep loopback and switch off its buffering for `/api/v1/events`. Pages of other origins may ask from a browser when
they are in `http.cors_origins` (`["https://map.example.org"]`); they need a token all the same.

For a load balancer: `/health` answers 200 while the process lives; `/ready` answers 200 when the journal takes
records, the store can be written and the ports are open, and 503 when not. With a token it says which of them is not.

## Routes

"""


def api_page() -> str:
    """The page."""
    return _INTRO + markdown(undriven().table)
