"""Print flows for the admin API: each route is an http-in node, some nodes in a row, and an http-response node."""

from __future__ import annotations

import json


def route(method: str, name: str, *nodes: dict[str, object]) -> list[dict[str, object]]:
    """Return the nodes of one route."""
    first = {"type": "http in", "url": f"/{name}", "method": method, "upload": name == "upload"}
    row = [
        {**node, "id": f"{name}-{number}", "z": "tab"}
        for number, node in enumerate((first, *nodes, {"type": "http response"}))
    ]
    for node, after in zip(row, row[1:], strict=False):
        node["wires"] = [[after["id"]], *([[], []] if node["type"] == "exec" else [])]
    row[-1]["wires"] = []
    return row


def function(text: str, **more: object) -> dict[str, object]:
    return {"type": "function", "func": text, "outputs": 1, "timeout": 0, "libs": [], **more}


def rule(kind: str, to: str, to_type: str = "str", target: str = "payload") -> dict[str, object]:
    return {"t": kind, "p": target, "pt": "msg", "to": to, "tot": to_type}


FLOWS = [
    {"id": "tab", "type": "tab", "label": "routes", "env": [{"name": "COLOUR", "value": "blue", "type": "str"}]},
    {"id": "tls", "type": "tls-config", "cert": "", "key": "", "ca": "/certs/ca.pem", "verifyservercert": True, "servername": "localhost"},
    {"id": "count", "type": "inject", "z": "tab", "once": True, "onceDelay": 0, "props": [{"p": "payload"}], "payload": "ada",
     "payloadType": "str", "topic": "", "wires": [["store"]]},
    {"id": "store", "type": "function", "z": "tab", "outputs": 1, "libs": [], "wires": [[]],
     "func": "global.set('seen', (global.get('seen') || 0) + 1); return msg;"},
    *route("get", "template", {"type": "template", "field": "payload", "syntax": "mustache", "format": "html",
                               "template": "<p>{{req.query.name}} {{#req.query}}{{{name}}}{{/req.query}}</p>"}),
    *route("get", "function", function("msg.payload = {colour: env.get('COLOUR'), seen: global.get('seen'), "
                                       "b: Buffer.from('é').toString('base64'), id: RED.util.generateId().length}; return msg;")),
    *route("get", "library", function("msg.payload = os.EOL.length + zlib.gunzipSync(zlib.gzipSync('squeezed')).toString(); return msg;",
                                      libs=[{"var": "os", "module": "os"}, {"var": "zlib", "module": "zlib"}])),
    *route("post", "csv", {"type": "csv", "sep": ",", "hdrin": True, "multi": "mult", "temp": "", "ret": "\\n", "spec": "rfc"}),
    *route("post", "json", {"type": "json", "property": "payload", "action": "str", "pretty": True}),
    *route("post", "yaml", {"type": "yaml", "property": "payload"}),
    *route("post", "xml", {"type": "xml", "property": "payload", "attr": "$", "chr": "_"}),
    *route("post", "html", {"type": "html", "property": "payload", "outproperty": "payload", "tag": "li.a", "ret": "text", "as": "single"}),
    *route("post", "upload", function("msg.payload = msg.req.files.map(f => [f.originalname, f.mimetype, f.size]); return msg;")),
    *route("get", "jsonata", {"type": "change", "rules": [rule("set", "$uppercase(req.query.name) & ' ' & $sum([1..4])", "jsonata")]}),
    *route("get", "date", {"type": "change", "rules": [
        rule("set", "$moment('2024-07-01T12:00:00Z').tz('Asia/Tokyo').format('LLL z')", "jsonata")]}),
    *route("get", "zone", function("msg.payload = new Date(0).toString() + new Date(0).toLocaleDateString('de-DE', {month: 'long'}); return msg;")),
    *route("get", "split", function("msg.payload = 'c,a,b'; return msg;"), {"type": "split", "splt": ",", "spltType": "str", "arraySplt": 1},
           {"type": "sort", "order": "ascending", "as_num": False, "target": "payload", "targetType": "seq", "msgKey": "payload",
            "msgKeyType": "elem", "seqKey": "payload", "seqKeyType": "msg"},
           {"type": "join", "mode": "auto"}, {"type": "range", "property": "none", "minin": 0, "maxin": 1, "minout": 0, "maxout": 1}),
    *route("get", "switch", {"type": "switch", "property": "req.query.n", "propertyType": "msg", "checkall": "false", "outputs": 1,
                             "rules": [{"t": "btwn", "v": "1", "vt": "num", "v2": "5", "v2t": "num"}]},
           {"type": "delay", "pauseType": "delay", "timeout": "5", "timeoutUnits": "milliseconds"}),
    *route("get", "file", function("msg.payload = 'first line'; return msg;"),
           {"type": "file", "filename": "/data/sub/out.txt", "filenameType": "str", "appendNewline": True, "createDir": True,
            "overwriteFile": "true", "encoding": "utf8"},
           {"type": "file in", "filename": "/data/sub/out.txt", "filenameType": "str", "format": "utf8", "allProps": False}),
    *route("get", "latin1", function("msg.payload = 'é'; msg.encoding = 'latin1'; return msg;"),
           {"type": "file", "filename": "/tmp/latin1", "filenameType": "str", "overwriteFile": "true", "encoding": "iso-8859-1"},
           {"type": "file in", "filename": "/tmp/latin1", "filenameType": "str", "format": "utf8", "encoding": "iso-8859-1"}),
    *route("get", "exec", {"type": "exec", "command": "node -p 6*7", "addpay": "", "append": "", "useSpawn": "false", "timer": "5"}),
    *route("get", "request", {"type": "http request", "method": "GET", "ret": "txt", "url": "http://127.0.0.1:1880/template?name=inner"}),
    *route("get", "request-tls", {"type": "http request", "method": "GET", "ret": "txt", "url": "https://localhost:1880/template?name=tls", "tls": "tls"}),
    *route("get", "request-auth", {"type": "http request", "method": "GET", "ret": "obj", "url": "http://127.0.0.1:1880/echo-auth",
                                   "authType": "basic", "credentials": {"user": "ada", "password": "pw"}}),
    *route("get", "echo-auth", function("msg.payload = {auth: msg.req.headers.authorization || 'none'}; return msg;")),
    *route("get", "tcp", function("msg.payload = 'ping'; return msg;"),
           {"type": "tcp request", "server": "127.0.0.1", "port": "9000", "out": "sit", "ret": "string", "splitc": " "}),
    {"id": "tcp-in", "type": "tcp in", "z": "tab", "server": "server", "port": "9000", "datamode": "stream", "datatype": "utf8", "wires": [["tcp-out"]]},
    {"id": "tcp-out", "type": "tcp out", "z": "tab", "beserver": "reply", "end": True, "wires": []},
    {"id": "socket", "type": "websocket-listener", "path": "/ws/echo", "wholemsg": "false"},
    {"id": "socket-in", "type": "websocket in", "z": "tab", "server": "socket", "wires": [["socket-out"]]},
    {"id": "socket-out", "type": "websocket out", "z": "tab", "server": "socket", "wires": []},
    {"id": "sub", "type": "subflow", "name": "twice", "in": [{"wires": [{"id": "sub-1"}]}], "out": [{"wires": [{"id": "sub-1", "port": 0}]}], "env": []},
    {"id": "sub-1", "type": "function", "z": "sub", "func": "msg.payload = 'x' + 'x'; return msg;", "outputs": 1, "libs": [], "wires": [[]]},
    *route("get", "subflow", {"type": "subflow:sub"}),
    {"id": "called", "type": "link in", "z": "tab", "name": "called", "wires": [["back"]]},
    {"id": "back", "type": "link out", "z": "tab", "mode": "return", "wires": []},
    *route("get", "link", {"type": "link call", "links": ["called"], "linkType": "static", "timeout": "5"}, function("msg.payload = 'called'; return msg;")),
    *route("get", "fail", function("node.error('went wrong', msg);")),
    {"id": "catch", "type": "catch", "z": "tab", "scope": None, "wires": [["caught"]]},
    {"id": "caught", "type": "change", "z": "tab", "rules": [rule("set", "error.message", "msg"), rule("set", "418", "num", "statusCode")],
     "wires": [["fail-2"]]},
]  # fmt: skip

for one in FLOWS:
    if "wires" in one:
        one.update(x=0, y=0)  # what has no place is a configuration
print(json.dumps(FLOWS))
