#!/bin/sh
# A smoke test that knows HTTP and nothing of FailTale: on failure a FailTale server says what broke.
# FAILTALE_URL is http://anybody:TOKEN@127.0.0.1:5050, the token that of `failtale serve --http-api`.
echo "$(date +%Y-%m-%dT%H:%M:%S) ERROR storage: database is locked" >> "$SHOP_LOG"
answer=500
if [ "$answer" != 201 ]; then
    ask() { curl --silent --show-error --header 'Content-Type: application/json' --data "$2" "$FAILTALE_URL$1"; }
    report='"Scenario: An order is accepted"'
    collected=$(ask /v1/collect '{"hosts": [{"hostname": "here", "role": "shop"}], "test_report": '"$report"'}')
    ask /v1/analyze '{"collected_data": '"$collected"', "test_report": '"$report"', "test_failure": "'"$answer"' != 201"}'
    exit 1
fi
