#!/bin/sh
# Words of `docker run` are further options of Node-RED.
exec node node_modules/node-red/red.js --userDir /data "$FLOWS" "$@"
