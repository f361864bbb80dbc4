#!/bin/bash
. "$(dirname "$0")/../functions.sh"
SETTLE=1
start 8080 "$IMAGE"
use index get /
use json get /json -d '{"a": 1}'
use static get /static/own.css
use not-found get /none
use time-zone eval 'get "/time"; get "/time?zone=Asia/Kolkata"; get "/time?zone=America/Sao_Paulo"'
use locale eval 'get "/locale?tag=de"; get "/locale?tag=ja"; get "/locale?tag=ar-EG"'
use crypto get /crypto
use image eval 'get /image; get "/image?as=jpg"; get "/image?as=gif"'
use fonts get /fonts
use fetch get '/fetch?url=http://127.0.0.1:8080/static/own.css'
use fetch-unknown-host get '/fetch?url=http://none.invalid/'
use xml-xslt get /xml
use zip-filesystem get /zip
use gzip get /gzip --compressed
use process get /process
use watch get /watch
use charset get /charset
use host get /host
use jmx get /jmx
use services get /services
use providers get /providers
use naming get /naming
use tls-defaults get /tls
use file eval 'get /file; get /file'
use preferences get /preferences
use unix-socket get /socket
use no-compiler get /compile
use error-500 get /broken
use exec-version eval 'inside java -version 2>&1 | head -n 1'
use exec-modules eval 'inside java --list-modules | grep -cE "^(java.base|java.desktop|java.naming|jdk.localedata|jdk.charsets|java.xml)@"'
use exec-keytool eval 'inside keytool -list -cacerts -storepass changeit | grep -cE "trustedCertEntry"'
use exec-keytool-genkey eval 'inside keytool -genkeypair -alias own -keyalg RSA -dname CN=own -keystore /data/own.p12 -storepass changeit 2>/dev/null; inside keytool -list -keystore /data/own.p12 -storepass changeit | grep -c PrivateKeyEntry'
use exec-second-java inside java -jar app.jar --version
use exec-settings eval 'inside java -XshowSettings:locale -version 2>&1 | grep -E "default (display )?locale"'
use thread-dump eval 'signal QUIT; logs | grep -oE "Full thread dump OpenJDK" | head -n 1'
use stop stop
use stop-log eval 'logs | grep -oE "stopped by a hook|INFO: started on 8080|SEVERE: java.lang.IllegalStateException: as asked" | sort -u'
restart
use restart get /file

start 9090 -e SERVER_PORT=9090 -e GREETING=variable -e TZ=Europe/Berlin -e LANG=C.UTF-8 "$IMAGE"
use environment eval 'get /; get /time; get /charset'
start 8080 "$IMAGE" java -Duser.timezone=Asia/Tokyo -Dgreeting=property -Dfile.encoding=ISO-8859-1 -Xmx64m -XX:+UseSerialGC -jar app.jar
use options eval 'get /; get /time; get /charset; get /gc'
start 8080 -e JAVA_TOOL_OPTIONS='-Xmx80m -XX:+UseZGC -Xlog:gc:stdout -Duser.language=de' "$IMAGE"
use tool-options eval 'get /gc; logs | grep -oE "Picked up JAVA_TOOL_OPTIONS|Using The Z Garbage Collector" | sort -u'
start 8080 -e JDK_JAVA_OPTIONS='-XX:MaxRAMPercentage=50 -XX:+UseParallelGC' --memory 200m "$IMAGE"
use memory-percentage get /gc
start 8080 "$IMAGE" java -XX:+UseShenandoahGC -XX:-UsePerfData -Xshare:off -jar app.jar --greeting=argument
use argument eval 'get /; get /gc'
start 8080 "$IMAGE" java -XX:StartFlightRecording=filename=/tmp/own.jfr,settings=profile -XX:NativeMemoryTracking=summary -jar app.jar
use flight-recording eval 'get /; stop; docker cp "$C:/tmp/own.jfr" - | tar -xO | head -c 3'
printf 'handlers=java.util.logging.ConsoleHandler\n.level=INFO\njava.util.logging.ConsoleHandler.formatter=java.util.logging.SimpleFormatter\njava.util.logging.SimpleFormatter.format=own %%4$s %%5$s%%n\n' >"$T/logging.properties"
printf 'greeting=mounted\nserver.port=8081\n' >"$T/application.properties"
chmod 644 "$T"/*
start 8081 -v "$T:/app/config:ro" "$IMAGE" java -Djava.util.logging.config.file=/app/config/logging.properties -jar app.jar
use mounted-config eval 'get /; logs | grep "^own INFO"'
start 8080 "$IMAGE" java -Dcom.sun.management.jmxremote -Dcom.sun.management.jmxremote.port=9010 -Dcom.sun.management.jmxremote.authenticate=false \
  -Dcom.sun.management.jmxremote.ssl=false -Djava.rmi.server.hostname=127.0.0.1 -jar app.jar
use jmx-remote eval '(: <>"/dev/tcp/$IP/9010") && echo listens'
cert
openssl pkcs12 -export -in "$T/cert.pem" -inkey "$T/key.pem" -name own -passout pass:changeit -out "$T/own.p12" 2>/dev/null
chmod 644 "$T/own.p12"
start 8443 -v "$T:/t:ro" -e SERVER_PORT=8443 -e SERVER_SSL_KEYSTORE=/t/own.p12 "$IMAGE"
U="https://$IP:8443"
use tls get / -k
use tls-1.2-ciphers eval 'get / -k --tls-max 1.2 --ciphers ECDHE-RSA-CHACHA20-POLY1305; get / -k --tls-max 1.2 --ciphers ECDHE-RSA-AES256-GCM-SHA384'
use tls-unknown-authority get '/fetch?url=https://localhost:8443/' -k
mkdir "$T/certificates" && cp "$T/cert.pem" "$T/certificates/own.crt"
start 8443 -v "$T:/t:ro" -v "$T/certificates:/certificates:ro" -e USE_SYSTEM_CA_CERTS=1 -e SERVER_PORT=8443 -e SERVER_SSL_KEYSTORE=/t/own.p12 "$IMAGE"
U="https://$IP:8443"
use own-authority get '/fetch?url=https://localhost:8443/static/own.css' -k
start 8080 -v "$T:/t:ro" "$IMAGE" java -Djava.security.egd=file:/dev/urandom -Dhttp.agent=own -Djava.net.preferIPv4Stack=true -Djavax.net.debug=ssl -Djava.security.properties=/t/own.security -jar app.jar
use security-properties get /tls
use once-version once "$IMAGE" java -jar app.jar --version
use once-heap eval 'once "$IMAGE" java -XX:+PrintFlagsFinal -Xmx77m -version 2>/dev/null | grep -oE "MaxHeapSize += [0-9]+"'
start 8080 --user 1001 --read-only --tmpfs /tmp --tmpfs /data:uid=1001,mode=755 --init -e LANG=C -e TZ=UTC "$IMAGE"
use read-only-user-init eval 'get /file; get /zip'
use init-stop stop
