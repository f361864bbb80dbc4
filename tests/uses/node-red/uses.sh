. "$(dirname "$0")/../functions.sh"
SETTLE=2
json=(-H 'Content-Type: application/json')
text=(-H 'Content-Type: text/plain')
python3 "$HERE/flows.py" >"$T/flows.json"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/ca.pem" -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
chmod 644 "$T"/*
docker volume create --label "$LABEL" "$C-data" >/dev/null
deploy() { get /flows -X POST "${json[@]}" -H 'Node-RED-Deployment-Type: full' --data @"$T/flows.json" && sleep 1.5; }
digest() { get "$@" | sha256sum | cut -c1-16; }

start 1880 -v "$C-data:/data" "$IMAGE"
use start state
use editor status /
use editor-script status /red/red.min.js
use editor-style status /red/style.min.css
use editor-monaco status /vendor/monaco/dist/editor.js
use editor-worker status /vendor/monaco/dist/ts.worker.js
use editor-icons status /vendor/font-awesome/css/font-awesome.min.css
use editor-keymap digest /red/keymap.json
use editor-tour status /red/tours/welcome.js
use editor-german digest '/locales/editor?lng=de'
use nodes-japanese digest '/locales/nodes?lng=ja'
use node-list digest /nodes -H 'Accept: application/json'
use node-help-french status /nodes -H 'Accept: text/html' -H 'Accept-Language: fr'
use icons digest /icons
use icon status /icons/node-red/function.svg
use settings digest /settings -H 'Accept: application/json'
use no-projects get /projects
use deploy deploy
use flows digest /flows
use inject get /inject/count -X POST
use template get '/template?name=%3Cb%3E'
use function get /function
use function-modules get /library
use csv get /csv "${text[@]}" --data-binary $'a,b\n1,"x, y"\n2,é\n'
use json get /json "${json[@]}" -d '{"a":[1,{"b":null}]}'
use yaml get /yaml "${text[@]}" --data-binary $'a: 1\nb: [x, "y"]\n'
use xml get /xml "${text[@]}" -d '<a x="1"><b>t</b><b/></a>'
use html get /html "${text[@]}" -d '<ul><li class=a>one<li>two<li class=a>three</ul>'
use upload get /upload -F "f=@$HERE/package.json;type=text/plain;filename=a.txt"
use change-jsonata get '/jsonata?name=ada'
use jsonata-moment get /date
use split-sort-join get /split
use switch-delay get '/switch?n=3'
use file-nodes get /file
use file-latin1 get /latin1
use exec-node get /exec
use http-request get /request
use credentials get /request-auth
use tcp-nodes get /tcp
use websocket curl -s -m 2 --noproxy '*' -o /dev/null -w '%{http_code}' --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
  -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: YWJjZGVmZ2hpamtsbW5vcA==' "$U/ws/echo"
use subflow get /subflow
use link-call get /link
use catch-node get /fail
use add-flow eval 'get /flow "${json[@]}" -d "{\"label\":\"new\",\"nodes\":[],\"configs\":[]}" | sed "s/\"id\":.*/id/"'
use disable-node eval 'get /nodes/node-red/watch -X PUT "${json[@]}" -d "{\"enabled\":false}" | cut -c1-100'
use library-save get /library/local/functions/mine.js "${json[@]}" -d '{"text":"return msg;"}'
sleep 1
use library-list get /library/local/functions/
use health health
restart
use restart-keeps-flows get '/template?name=again'
use restart-keeps-credentials get /request-auth
use stop stop

start 1880 -v "$C-data:/data" -e TZ=Europe/Berlin -e LANG=C.UTF-8 "$IMAGE"
use environment-TZ get /zone

hash=$(once --entrypoint node "$FAT" -p 'require("bcryptjs").hashSync("secret", 4)' 2>/dev/null)
cat >"$T/settings.js" <<X
module.exports = {
  flowFile: "flows.json", uiPort: 1880, credentialSecret: process.env.NODE_RED_CREDENTIAL_SECRET, userDir: "/data",
  https: { key: require("fs").readFileSync("/certs/key.pem"), cert: require("fs").readFileSync("/certs/ca.pem") },
  adminAuth: { type: "credentials", users: [{ username: "admin", password: "$hash", permissions: "*" }] },
  httpAdminRoot: "/admin", httpStatic: "/certs", httpNodeRoot: "/",
  contextStorage: { default: { module: "localfilesystem", config: { flushInterval: 1 } }, memory: { module: "memory" } },
  logging: { console: { level: "debug", metrics: false, audit: false } },
  editorTheme: { page: { title: "Mine" }, projects: { enabled: false } },
};
X
mkdir -p "$T/data"
cp "$T/settings.js" "$T/data/settings.js"
cp "$T/flows.json" "$T/data/own.json"
chmod -R a+rwX "$T/data"
start 1880 -v "$T/data:/data" -v "$T:/certs:ro" -e FLOWS=own.json -e NODE_RED_CREDENTIAL_SECRET=shh --add-host tls.test:127.0.0.1 "$IMAGE"
U=${U/http:/https:}
use own-settings-tls get '/template?name=own' -k
use own-settings-title eval 'get /admin/ -k | grep -o "<title>.*</title>"'
use static-file eval 'get /ca.pem -k | grep -c BEGIN'
use admin-refused get /admin/flows -k
use admin-login eval 'get /admin/auth/token -k -d "client_id=node-red-admin&grant_type=password&scope=*&username=admin&password=secret" | sed "s/:\"[^\"]*\"/:TOKEN/"'
use admin-wrong-password eval 'get /admin/auth/token -k -d "client_id=node-red-admin&grant_type=password&scope=*&username=admin&password=no"'
use http-request-own-authority get /request-tls -k
sleep 1.5
use context-in-files eval 'get /function -k; cat "$T/data/context/global/global.json"'
restart
U=${U/http:/https:}
use restart-keeps-context get /function -k
docker rm -fv "$C" >/dev/null 2>&1

mkdir -p "$T/more/node_modules/node-red-contrib-shout"
cat >"$T/more/node_modules/node-red-contrib-shout/package.json" <<'X'
{"name": "node-red-contrib-shout", "version": "1.0.0", "node-red": {"nodes": {"shout": "shout.js"}}}
X
cat >"$T/more/node_modules/node-red-contrib-shout/shout.js" <<'X'
module.exports = function (RED) {
  function Shout(config) {
    RED.nodes.createNode(this, config);
    this.on("input", (msg, send, done) => { msg.payload = "LOUD"; send(msg); done(); });
  }
  RED.nodes.registerType("shout", Shout);
};
X
cat >"$T/more/node_modules/node-red-contrib-shout/shout.html" <<'X'
<script type="text/javascript">RED.nodes.registerType("shout", { category: "function", defaults: {}, inputs: 1, outputs: 1 });</script>
X
cat >"$T/more/package.json" <<'X'
{"name": "mine", "version": "1.0.0", "dependencies": {"node-red-contrib-shout": "1.0.0"}}
X
cat >"$T/more/flows.json" <<'X'
[{"id": "t", "type": "tab", "label": "t"},
 {"id": "a", "type": "http in", "z": "t", "url": "/shout", "method": "get", "wires": [["b"]]},
 {"id": "b", "type": "shout", "z": "t", "wires": [["c"]]}, {"id": "c", "type": "http response", "z": "t", "wires": []}]
X
chmod -R a+rwX "$T/more"
start 1880 -v "$T/more:/data" "$IMAGE"
use own-node get /shout
start 1880 -v "$T/more:/data" "$IMAGE" --safe
use safe-mode get /shout
start 1880 --read-only --tmpfs /data:uid=1000 --tmpfs /tmp --init -e NODE_OPTIONS=--max-old-space-size=200 "$IMAGE"
use read-only deploy
use read-only-file get /file
start 1880 --user 1234 --tmpfs /data:uid=1234 "$IMAGE"
use user deploy
use user-csv get /csv "${text[@]}" --data-binary $'a\n1\n'
use version inside node-red --help
