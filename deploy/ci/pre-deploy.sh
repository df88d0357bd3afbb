#!/bin/sh
# Asks Snapback before a deploy: keeps the state from before, and stops a deploy that was rolled back. It needs curl alone.
#
#   CONTAINER=api IMAGE=shop/api:1.43 DEPLOY_ID=4711 deploy/ci/pre-deploy.sh && the deploy itself
#
# SNAPBACK_URL and SNAPBACK_TOKEN name the bot; the token has the scope snapshots:write. Run twice with one DEPLOY_ID, it takes one snapshot.
# Exit codes: 0 go on; 3 stop, this deploy is on hold (docs/hold.md). Without an answer it warns and lets the deploy go on, since the baseline
# stands in; with SNAPBACK_STRICT set it ends with 1 then.
set -eu
: "${SNAPBACK_URL:?}" "${SNAPBACK_TOKEN:?}" "${CONTAINER:?}" "${IMAGE:?}" "${DEPLOY_ID:?}"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# The token goes by the input: everybody may read a command line.
status=$(printf 'header = "Authorization: Bearer %s"\n' "$SNAPBACK_TOKEN" |
  curl --config - --silent --show-error --max-time 300 --output "$answer" --write-out '%{http_code}' \
    --header 'Content-Type: application/json' --header "Idempotency-Key: deploy-$DEPLOY_ID-$CONTAINER" \
    --data "{\"reason\":\"pre-deploy\",\"note\":\"before deploy $DEPLOY_ID\",\"deploying\":\"$IMAGE\"}" \
    "$SNAPBACK_URL/containers/$CONTAINER/snapshots") || status=000

case $status in
  201) echo "the state from before deploy $DEPLOY_ID of $CONTAINER is kept" ;;
  423)
    echo "this deploy is on hold:" >&2
    cat "$answer" >&2
    exit 3
    ;;
  *)
    echo "warning: no snapshot from before this deploy ($status); the baseline stands in for it" >&2
    cat "$answer" >&2
    [ -z "${SNAPBACK_STRICT:-}" ] || exit 1
    ;;
esac
