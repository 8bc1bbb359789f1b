#!/bin/sh
# Measures once, compares with the last ten runs, keeps the trend. For root's crontab, on a machine that does nothing else:
#     17 3 * * *  /usr/local/libexec/bench-nightly
# cron mails what is printed: only a regression, or what kept it from being looked for, prints something.
set -eu
store=/var/lib/bench
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if ! bench all --require process,container,microvm --out "$store" > "$log" 2>&1; then
    cat "$log"
    exit 2
fi
status=0
bench compare @nightly latest --results "$store" > "$log" 2>&1 || status=$?
case $status in
    0) ;;
    1) cat "$log" ;;
    *) # No baseline yet, or the machine is another one (a new kernel): begin a baseline.
       bench baseline save nightly --replace --results "$store" > /dev/null ;;
esac
# A run that regressed does not become what the next one is compared with.
[ "$status" != 0 ] || bench baseline save nightly --results "$store" > /dev/null
bench history "$store" > /dev/null
exit "$status"
