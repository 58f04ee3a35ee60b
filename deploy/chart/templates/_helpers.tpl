{{/* The name of everything that belongs to this release. */}}
{{- define "logsieve.name" -}}
{{- if contains "logsieve" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-logsieve" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "logsieve.selector" -}}
app.kubernetes.io/name: logsieve
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "logsieve.labels" -}}
{{ include "logsieve.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "logsieve.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "logsieve.name" .) }}
{{- end }}

{{- define "logsieve.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* logsieve.yaml: what the chart knows, and the user's `config` over it. */}}
{{- define "logsieve.config" -}}
{{- range $image := .Values.filterImages }}{{ range $.Values.teams }}{{ if eq .name $image.name }}
{{- fail (printf "filterImages: `%s` is a team's name, whose folder holds its ConfigMaps: call the image `%s-large`, say; its filters are then `%s-large/NAME`" .name .name .name) }}
{{- end }}{{ end }}{{ end }}
{{- $folders := list "/etc/logsieve/filters" }}
{{- range .Values.teams }}{{ $folders = append $folders (printf "/etc/logsieve/filters/%s" .name) }}{{ end }}
{{- range .Values.filterImages }}{{ $folders = append $folders (printf "/etc/logsieve/filters/%s" .name) }}{{ end }}
{{- $teams := dict }}
{{- range concat .Values.teams .Values.filterImages }}{{ $_ := set $teams .name dict }}{{ end }}
{{- $pods := dict }}
{{- if .Values.fastFilters }}
{{- $maps := list (include "logsieve.name" .) }}
{{- range .Values.teams }}{{ $maps = concat $maps (.configMaps | default (list (printf "logsieve-filters-%s" .name))) }}{{ end }}
{{- $_ := set $pods "filter_config_maps" $maps }}
{{- end }}
{{- $main := dict "cloudwatch" (dict "region" .Values.region "log_group" (printf "/aws/eks/%s/{k8s.namespace.name}" .Values.cluster)) }}
{{- $base := dict
  "state" "/var/lib/logsieve"
  "drain" "25s"
  "enrich" (dict "cluster" .Values.cluster "pods" $pods)
  "filters" (dict "directories" $folders "teams" $teams)
  "destinations" (dict "main" $main) }}
{{- $config := mergeOverwrite $base (deepCopy .Values.config) }}
{{- /* What each team's namespaces may choose, behind what `config` says of them. */}}
{{- $annotations := $config.annotations | default dict }}
{{- $allow := $annotations.allow | default list }}
{{- range .Values.teams }}{{ if .namespaces }}
{{- $filters := prepend (.filters | default list) (printf "%s/*" .name) }}
{{- $allow = append $allow (dict "namespace" .namespaces "filters" $filters) }}
{{- end }}{{ end }}
{{- if $allow }}{{ $_ := set $config "annotations" (merge (dict "allow" $allow) $annotations) }}{{ end }}
{{- include "logsieve.checks" (dict "Values" .Values "config" $config) }}
{{- if eq (include "logsieve.pods" .) "off" }}{{ $_ := set $config.enrich.pods "source" "off" }}{{ end }}
{{- if not .Values.ownLog }}
{{- $own := dict "match" (dict "namespace" .Release.Namespace "pod" (printf "%s-*" (include "logsieve.name" .))) "exclude" true }}
{{- $_ := set $config "routes" (prepend $config.routes $own) }}
{{- else }}
{{- $own := dict "container_log" (dict "own_log" true) }}
{{- $_ := set $config "source" (mergeOverwrite (default dict $config.source) $own) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* Who tells of pods: `config.enrich.pods.source`. (YAML takes `off` for `false`.) */}}
{{- define "logsieve.pods" -}}
{{- $pods := (.Values.config.enrich | default dict).pods | default dict }}
{{- $source := get $pods "source" | toString }}
{{- if eq $source "false" }}off{{ else }}{{ $source | default "auto" }}{{ end }}
{{- end }}

{{/* Whether the node's own kubelet tells of pods. */}}
{{- define "logsieve.kubelet" -}}
{{- if eq (include "logsieve.pods" .) "kubelet" }}yes{{ end }}
{{- end }}

{{/* Whether labels of namespaces are asked for. */}}
{{- define "logsieve.namespaces" -}}
{{- $pods := (.Values.config.enrich | default dict).pods | default dict }}
{{- if or $pods.namespace_labels (contains "namespace_labels" (toYaml .Values.config.routes)) }}yes{{ end }}
{{- end }}
