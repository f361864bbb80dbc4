#!/bin/bash
. "$(dirname "$0")/../functions.sh"
ARGS=(--config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/prometheus)
api() { # api PATH FILTER [CURL OPTION...]: a part of the answer
  local path=$1 filter=$2
  shift 2
  curl -s -m 10 "$@" "$U/api/v1$path" | jq -rc "$filter"
}
title() { curl -sL -m 10 "$U$1" | grep -oE '<title>[^<]*' | head -n 1; }
conf() { # conf NAME: a file to mount, from standard input
  cat >"$T/$1"
  chmod 644 "$T/$1"
}
own() { start 9090 -v "$T/own.yml:/etc/prometheus/prometheus.yml:ro" -v "$T:/t:ro" "$@"; }

SETTLE=9 start 9090 "$IMAGE"
use healthy get /-/healthy
use ready get /-/ready
use query api '/query?query=up' '.status, .data.result[0].value[1]'
use query-range eval 'api "/query_range?query=up&start=$(date +%s)&end=$(date +%s)&step=1" ".status, .data.resultType"'
use query-post api /query .data.resultType --data-urlencode 'query=sum by (job) (up)'
use query-error api '/query?query=up%28' '.status, .errorType'
use functions api /query '.data.result[0].value[1]' --data-urlencode 'query=clamp_max(scalar(count(up)) * vector(3), 2)'
use labels api /labels '[.data[] | select(. == "job" or . == "instance")]'
use label-values api /label/job/values .data
use series api '/series?match[]=up' '.data | length'
use targets api /targets '.data.activeTargets[0].health'
use metadata api '/metadata?metric=go_goroutines' '.data | keys'
use status-config api /status/config '.data.yaml | length > 20'
use status-flags api /status/flags '.data["storage.tsdb.path"]'
use status-build api /status/buildinfo '.data | keys | length'
use status-tsdb api /status/tsdb '.data.headStats | keys | length'
use runtime api /status/runtimeinfo '.data.reloadConfigSuccess'
use metrics eval 'curl -s "$U/metrics" | grep -c "^prometheus_build_info"'
use federate eval 'curl -s "$U/federate?match[]=up" | grep -oE "^up\{.*\} [01]"'
use graph title /graph
use classic eval 'for page in graph alerts targets rules status; do status "/classic/$page" -L | cut -d" " -f1-3; done'
use web-ui eval 'curl -sL "$U/classic/graph" | grep -oE "(src|href)=\"[^\"]*/static/[^\"?]*" | cut -d\" -f2 | sort -u | while read -r path; do status "${path#.}"; echo; done'
use consoles eval 'status /consoles/prometheus.html | cut -d" " -f1-3; status /consoles/node.html | cut -d" " -f1-3; status /consoles/prometheus-overview.html?instance=localhost:9090 | cut -d" " -f1'
use console-lib eval 'curl -s "$U/consoles/prometheus.html" | grep -oE "<h1>[^<]*|<title>[^<]*|prom_graph_controls" | sort -u'
use missing status /none
use reload-disabled eval 'get /-/reload -X POST'
signal HUP
use reload eval 'logs | grep -oE "Completed loading of configuration file" | sort | uniq -c'
use exec-promtool-config inside promtool check config /etc/prometheus/prometheus.yml
use exec-promtool-query eval 'inside promtool query instant http://localhost:9090 "count(up)" | cut -d@ -f1'
use exec-promtool-metrics eval 'printf "# HELP a_total A\n# TYPE a_total counter\na_total 1\n" | inside promtool check metrics'
use exec-promtool-tsdb eval 'inside promtool tsdb list /prometheus | head -n 1 | cut -c1-10'
use exec-version eval 'inside prometheus --version 2>&1 | head -n 1'
use exec-promtool-labels inside promtool query labels http://localhost:9090 job
use stop stop
restart
use restart get /-/healthy

conf own.yml <<'Y'
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels: { site: own }
rule_files: ["/t/rules*.yml"]
alerting:
  alertmanagers:
    - static_configs: [{ targets: ["127.0.0.1:9"] }]
scrape_configs:
  - job_name: files
    file_sd_configs: [{ files: ["/t/targets.json"], refresh_interval: 1s }]
    relabel_configs:
      - { source_labels: [__address__], target_label: own, regex: "(.*):.*", replacement: "$1" }
    basic_auth: { username: a, password: b }
  - job_name: dns
    dns_sd_configs: [{ names: [localhost], type: A, port: 9090 }]
  - job_name: http
    http_sd_configs: [{ url: "http://127.0.0.1:9/" }]
Y
conf rules.yml <<'Y'
groups:
  - name: own
    rules:
      - { record: "job:up:sum", expr: "sum by (job) (up)" }
      - alert: Up
        expr: up == 1
        labels: { severity: page }
        annotations: { summary: "{{ $labels.instance }} is {{ $value | humanize }}" }
Y
echo '[{"targets": ["localhost:9090"], "labels": {"a": "b"}}]' | conf targets.json
conf test.yml <<'Y'
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{ series: 'up{job="x", instance="i"}', values: "1 1 1" }]
    alert_rule_test:
      - { eval_time: 1m, alertname: Up, exp_alerts: [{ exp_labels: { severity: page, job: x, instance: i }, exp_annotations: { summary: i is 1 } }] }
Y
SETTLE=12 own "$IMAGE" "${ARGS[@]}" --web.enable-lifecycle --web.enable-admin-api --web.enable-remote-write-receiver
use file-discovery api '/targets?state=active' '[.data.activeTargets[] | select(.labels.job == "files") | .labels.own, .labels.a, .health]'
use recording-rule api '/query?query=job:up:sum' '[.data.result[].metric.job] | sort'
use alert api /alerts '.data.alerts[0] | .labels.alertname, .state, .annotations.summary'
use rules api /rules '.data.groups[0].rules | length'
use alerts-page eval 'status /classic/alerts | cut -d" " -f1-3'
use template eval 'curl -s "$U/classic/rules" | grep -c "job:up:sum"'
use lifecycle-reload status /-/reload -X POST
use snapshot api /admin/tsdb/snapshot .status -X POST
use delete-series status '/api/v1/admin/tsdb/delete_series?match[]=up' -X POST
use exec-check-rules inside promtool check rules /t/rules.yml
use exec-test-rules inside promtool test rules /t/test.yml
use lifecycle-quit eval 'status /-/quit -X POST; sleep 2; state'

cert
conf web.yml <<'Y'
tls_server_config: { cert_file: /t/cert.pem, key_file: /t/key.pem }
basic_auth_users: { ann: $2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW }
Y
own "$IMAGE" "${ARGS[@]}" --web.config.file=/t/web.yml --web.external-url=https://own.test/prom/ --web.route-prefix=/prom
U="https://$IP:9090"
use tls-refused status /prom/-/healthy -k
use tls-login get /prom/-/healthy -k -u 'ann:U*U'
use route-prefix status / -k -u 'ann:U*U'
use exec-check-web-config inside promtool check web-config /t/web.yml
start 9090 -e TZ=Europe/Berlin -e LANG=C.UTF-8 "$IMAGE" "${ARGS[@]}" --log.format=json --log.level=debug --storage.tsdb.retention.time=1d --web.page-title=mine --query.max-samples=10000
use log-json eval 'logs | head -n 5 | jq -r .level | sort -u'
use page-title title /graph
mkdir -p "$T/mine" && echo '{{ template "head" . }}<p>{{ query "vector(7)" | first | value }} {{ 1234567.0 | humanize }}</p>' >"$T/mine/own.html" && chmod -R a+rX "$T"
start 9090 -v "$T/mine:/etc/prometheus/own:ro" "$IMAGE" "${ARGS[@]}" --web.console.templates=/etc/prometheus/own --web.console.libraries=/usr/share/prometheus/console_libraries
use own-console eval 'get /consoles/own.html | grep -oE "<p>7 .*</p>"'
printf 'global: {}\nremote_write: [{ url: "http://127.0.0.1:9/" }]\n' | conf own.yml
own "$IMAGE" --config.file=/etc/prometheus/prometheus.yml --enable-feature=agent --storage.agent.path=/prometheus
use agent get /-/healthy
use unknown-flag eval 'once "$IMAGE" --none 2>&1 | tail -n 1'
use once-promtool once --entrypoint promtool "$IMAGE" check config /etc/prometheus/prometheus.yml
start 9090 --user 1000 --read-only --tmpfs /prometheus:mode=1777,uid=1000 --tmpfs /tmp --init "$IMAGE"
use read-only-user-init get /-/ready
use init-stop stop
