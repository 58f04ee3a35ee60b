#!/usr/bin/env bash
# Writes the manifests in base/ from the chart, so that both install the same. Needs helm.
set -euo pipefail
cd "$(dirname "$0")"
for part in rbac policy daemonset network; do
    {
        echo "# Made from ../../chart by ../render.sh: change it there."
        helm template logsieve ../chart --namespace logsieve --kube-version 1.33.0 \
            --set region=eu-central-1,cluster=my-cluster --show-only "templates/$part.yaml" |
            grep -v -e '^# Source: ' -e 'helm.sh/chart: ' -e 'app.kubernetes.io/managed-by: '
    } >base/$part.yaml
done
