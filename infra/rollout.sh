#!/bin/sh
# What the pipelines run, and a person without azd may: shows what would change, or changes it.
#
#   infra/rollout.sh what-if
#   infra/rollout.sh deploy dist/nightshift.zip <its sha256>
#
# Wants `az` signed in, AZURE_ENV_NAME and AZURE_LOCATION, and what else
# infra/bicep/main.bicepparam reads from the environment. Running it again does no harm; the
# same command with an older package is the way back (docs/OPERATIONS.md).
set -eu

: "${AZURE_ENV_NAME:?name the deployment}" "${AZURE_LOCATION:?name the region}"
here=$(dirname "$0")
name="nightshift-$AZURE_ENV_NAME"

# Event Grid and action groups take only functions that are there: they are subscribed after the
# code has come, and stay so. What a deployment that failed left behind is not relied on.
NIGHTSHIFT_SUBSCRIBED=$(az deployment sub show --name "$name" --only-show-errors --output tsv \
    --query properties.outputs.NIGHTSHIFT_SUBSCRIBED.value 2>/dev/null) || NIGHTSHIFT_SUBSCRIBED=false
[ "$NIGHTSHIFT_SUBSCRIBED" = true ] || NIGHTSHIFT_SUBSCRIBED=false
export NIGHTSHIFT_SUBSCRIBED

infrastructure() {
    az deployment sub "$@" --name "$name" --location "$AZURE_LOCATION" \
        --template-file "$here/bicep/main.bicep" --parameters "$here/bicep/main.bicepparam"
}

said() {
    az deployment sub show --name "$name" --query "properties.outputs.$1.value" --output tsv
}

deploy() {
    package=$1
    echo "$2  $package" | sha256sum --check --strict --quiet
    infrastructure create --only-show-errors --output none
    # Built and tried beforehand: Azure must run these bytes and build nothing.
    az functionapp deployment source config-zip --resource-group "$(said AZURE_RESOURCE_GROUP)" \
        --name "$(said AZURE_FUNCTION_NAME)" --src "$package" --build-remote false \
        --only-show-errors --output none
    if [ "$NIGHTSHIFT_SUBSCRIBED" = false ]; then
        NIGHTSHIFT_SUBSCRIBED=true
        infrastructure create --only-show-errors --output none
    fi
    healthy "$(said NIGHTSHIFT_URL)"
}

healthy() {
    tries=${NIGHTSHIFT_HEALTH_TRIES:-30}
    until curl --silent --show-error --fail --max-time 20 --output /dev/null "$1/api/health"; do
        tries=$((tries - 1))
        if [ "$tries" -le 0 ]; then
            echo "deployed, and $1/api/health does not answer well: deploy the package before" >&2
            return 1
        fi
        sleep "${NIGHTSHIFT_HEALTH_PAUSE:-10}"
    done
}

case ${1:-} in
    # Without the right to write nothing can be checked against it, so that is not asked.
    what-if) infrastructure what-if --validation-level ProviderNoRbac ;;
    deploy) deploy "${2:?name the package}" "${3:?give its sha256}" ;;
    *)
        echo "usage: $0 what-if | deploy PACKAGE SHA256" >&2
        exit 2
        ;;
esac
