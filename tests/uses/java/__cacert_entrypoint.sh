#!/usr/bin/env bash
# USE_SYSTEM_CA_CERTS: add the certificates in /certificates to a copy of Java's authorities.
set -e
if [ -n "$USE_SYSTEM_CA_CERTS" ]; then
    CACERT=$(mktemp /tmp/cacerts-XXXXXX)
    cp "$JAVA_HOME/lib/security/cacerts" "$CACERT"
    chmod 600 "$CACERT"
    if [ -d /certificates ] && [ "$(ls -A /certificates 2>/dev/null)" ]; then
        for file in /certificates/*; do
            keytool -import -noprompt -alias "$(basename "$file" | tr 'A-Z' 'a-z')" -file "$file" -keystore "$CACERT" \
                -storepass changeit >/dev/null 2>&1
        done
    fi
    JAVA_TOOL_OPTIONS="${JAVA_TOOL_OPTIONS} -Djavax.net.ssl.trustStore=${CACERT} -Djavax.net.ssl.trustStorePassword=changeit"
    export JAVA_TOOL_OPTIONS
fi
exec "$@"
