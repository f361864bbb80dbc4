. "$(dirname "$0")/../functions.sh"
SETTLE=0.5
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
chmod 644 "$T"/*.pem
# A TLS server beside the app, of the source image, in the same network.
cat >"$T/server.xml" <<'X'
<Server port="-1"><Service name="Catalina">
  <Connector port="8443" protocol="org.apache.coyote.http11.Http11NioProtocol" SSLEnabled="true" scheme="https" secure="true">
    <UpgradeProtocol className="org.apache.coyote.http2.Http2Protocol"/>
    <SSLHostConfig><Certificate certificateFile="/t/cert.pem" certificateKeyFile="/t/key.pem" type="RSA"/></SSLHostConfig>
  </Connector>
  <Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps">
    <Valve className="org.apache.catalina.valves.AccessLogValve" directory="/dev" prefix="stdout" suffix="" fileDateFormat="" rotatable="false" buffered="false" pattern="%s %r"/>
    <Valve className="org.apache.catalina.valves.RemoteIpValve"/>
  </Host></Engine>
</Service></Server>
X
chmod 644 "$T/server.xml"
# socket: the answer of the WebSocket to a masked message
socket() {
  python3 - "$IP" <<'X'
import socket, sys
one = socket.create_connection((sys.argv[1], 8080), 5)
one.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: YWJjZGVmZ2hpamtsbW5vcA==\r\nSec-WebSocket-Version: 13\r\n\r\n")
print(one.recv(1000).split(b"\r\n")[0].decode())
one.sendall(b"\x81\x82\0\0\0\0hi")
print(one.recv(10))
X
}

start 8080 "$IMAGE"
use start state
use index get /
use session-new get /session.jsp -c "$T/cookies"
use session-again get /session.jsp -b "$T/cookies"
use form get /form.jsp -d 'name=Größe&x=4'
use error-page get /throws.jsp
use not-found status /none
use servlet-time get '/do/time?v=Asia/Kolkata'
use locale-german get '/do/locale?v=de-DE'
use locale-japanese get '/do/locale?v=ja-JP'
use default-locale get /do/default-locale
use charset-japanese get '/do/charset?v=EUC-JP'
use charset-ebcdic get '/do/charset?v=IBM1047'
use collate get /do/collate
use regex get '/do/regex?v=one%20Two%20%C3%84rger'
use xml get /do/xml -H 'Content-Type: application/xml' -d '<a><b x="1"/><b>é</b></a>'
use xslt get /do/xslt -H 'Content-Type: application/xml' -d '<a><b>3</b><b>4</b></a>'
use zip get /do/zip
use digest get '/do/digest?v=SHA3-256'
use cipher get /do/cipher
use sign-rsa get '/do/sign?v=RSA'
use sign-ec get '/do/sign?v=EC'
use sign-ed25519 get '/do/sign?v=Ed25519'
use image-png get '/do/image?v=png'
use image-jpg get '/do/image?v=jpg'
use authorities get /do/authorities
use host get '/do/host?v=localhost'
use file get /do/file
use process get /do/process
use upload get /do/upload -F "f=@$T/server.xml;filename=s.xml;type=text/xml"
use naming get /do/naming
use outgoing get '/do/fetch?v=http://localhost:8080/part.jsp?from=itself'
use websocket socket
use login-refused status /members.jsp
run -d --name "$C-tls" --network "container:$C" -v "$T:/t:ro" -v "$T/server.xml:/usr/local/tomcat/conf/server.xml:ro" "$FAT" >/dev/null
sleep 5
use outgoing-unknown-authority get '/do/fetch?v=https://localhost:8443/part.jsp'
docker rm -fv "$C-tls" >/dev/null 2>&1
use exec-version eval 'inside catalina.sh version 2>&1 | grep -E "^(Server|JVM Vendor)" | cut -d/ -f1'
use exec-configtest eval 'inside catalina.sh configtest >/dev/null 2>&1'
use exec-keytool eval 'inside keytool -list -cacerts -storepass changeit 2>/dev/null | grep -c trustedCert'
use exec-java-version eval 'inside java -version 2>&1 | head -n 1'
use exec-java-settings eval 'inside java -XshowSettings:locale -version 2>&1 | grep "default locale"'
use health health
use reload-app eval 'inside touch webapps/ROOT/WEB-INF/web.xml; sleep 12; get /part.jsp?from=reload; logs | grep -c "Reloading Context with name"'
use stop stop
restart
use restart get /form.jsp -d x=2

docker run --rm --label "$LABEL" -v "$T:/t" --entrypoint keytool "$FAT" -importcert -noprompt -storepass changeit \
  -storetype PKCS12 -keystore /t/own.p12 -alias own -file /t/cert.pem >/dev/null 2>&1
start 8080 -v "$T:/t:ro" -e TZ=Europe/Berlin -e LANG=C.UTF-8 -e 'JAVA_OPTS=-Duser.language=fr -Duser.region=FR' \
  -e 'CATALINA_OPTS=-Xmx256m -XX:+UseSerialGC -Dcolour=blue -Djavax.net.ssl.trustStore=/t/own.p12 -Djavax.net.ssl.trustStorePassword=changeit' "$IMAGE"
use environment-TZ get '/do/time?v=UTC'
use java-options-locale get /do/default-locale
use catalina-options get '/do/property?v=colour'
use serial-collector get /do/collector
run -d --name "$C-tls" --network "container:$C" -v "$T:/t:ro" -v "$T/server.xml:/usr/local/tomcat/conf/server.xml:ro" "$FAT" >/dev/null
sleep 5
use outgoing-own-authority get '/do/fetch?v=https://localhost:8443/part.jsp?from=tls'
docker rm -fv "$C-tls" >/dev/null 2>&1
start 8080 -e 'JAVA_OPTS=-XX:+UseParallelGC -Xlog:gc:file=/tmp/gc.log' "$IMAGE"
use parallel-collector get /do/collector
start 8080 -e 'JAVA_TOOL_OPTIONS=-XX:+UseZGC' "$IMAGE"
use z-collector get /do/collector

start 8443 -v "$T:/t:ro" -v "$T/server.xml:/usr/local/tomcat/conf/server.xml:ro" "$IMAGE"
U=${U/http:/https:}
use own-server-tls get /part.jsp?from=own -k
use own-server-http2 curl -sk --noproxy '*' --http2 -o /dev/null -w '%{http_code} %{http_version}' "$U/session.jsp"
use own-access-log eval 'logs | grep "GET /part"'
cat >"$T/users.xml" <<'X'
<tomcat-users><role rolename="member"/><user username="ada" password="pw" roles="member"/></tomcat-users>
X
cat >"$T/logging.properties" <<'X'
handlers = java.util.logging.ConsoleHandler
.level = INFO
java.util.logging.SimpleFormatter.format = own %4$s %5$s%n
java.util.logging.ConsoleHandler.formatter = java.util.logging.SimpleFormatter
X
python3 - "$T/shop.war" <<'X'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as war:
    war.writestr("index.jsp", '<%@ page contentType="text/plain; charset=UTF-8" import="java.util.stream.*" %>'
                 'shop <%= IntStream.range(0, 4).mapToObj(n -> "n" + n).collect(Collectors.joining("+")) %>\n')
    war.writestr("static/a.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
X
chmod 644 "$T"/*
start 8080 -v "$T/users.xml:/usr/local/tomcat/conf/tomcat-users.xml:ro" -v "$T/shop.war:/usr/local/tomcat/webapps/shop.war:ro" \
  -v "$T/logging.properties:/usr/local/tomcat/conf/logging.properties:ro" "$IMAGE"
use own-users get /members.jsp -u ada:pw
use own-users-wrong status /members.jsp -u ada:no
use war get /shop/
use war-static get /shop/static/a.svg
use own-logging eval 'logs | grep -c "^own INFO Server startup"'
start 8080 --user 1000 --init "$IMAGE"
use user get /session.jsp
start 8080 --read-only --tmpfs /tmp --tmpfs /usr/local/tomcat/work:mode=1777 --tmpfs /usr/local/tomcat/temp:mode=1777 \
  --tmpfs /usr/local/tomcat/logs:mode=1777 "$IMAGE"
use read-only get /do/upload -F "f=@$T/server.xml;filename=s.xml"
