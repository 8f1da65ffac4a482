#!/bin/sh
# A smoke test in plain shell: on failure the evidence goes beside it, as HTML.
began=$(date +%s)
echo "$(date +%Y-%m-%dT%H:%M:%S) ERROR storage: database is locked" >> "$SHOP_LOG"
answer=500
if [ "$answer" != 201 ]; then
    failtale collect --config ../failtale.yaml --test "An order is accepted" --message "$answer != 201" \
        --since "$began" --format html --output evidence.html
    exit 1
fi
