#!/bin/bash
# healthcheck.sh --connect --innodb_initialized: whether the server answers, and whether InnoDB is up
ask() { mariadb -uhealthcheck -phealthcheck --skip-column-names -e "$1"; }
for test in "$@"; do
    case $test in
    --connect) ask 'SELECT 1' >/dev/null || exit 1 ;;
    --innodb_initialized) [ "$(ask "SELECT 1 FROM information_schema.ENGINES WHERE engine = 'InnoDB'")" = 1 ] || exit 1 ;;
    esac
done
