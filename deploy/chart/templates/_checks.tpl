{{/* What a pod would not start or not end well with, or would do without a word, is refused here, with the
way out. It is asked for by `logsieve.config`, with the whole configuration as `config`. */}}
{{- define "logsieve.checks" -}}
{{- $config := .config }}
{{- $mounted := "/var/lib/logsieve" }}
{{- if ne $config.state $mounted }}
{{- fail (printf "config.state: it is `%s`, and the node's folder is mounted at `%s`: leave it out, and say by `stateHostPath` where the folder is on the node" $config.state $mounted) }}
{{- end }}
{{- if not $config.routes }}
{{- fail "config.routes: there are none, so nothing would be read: leave it out (everything goes to `main`), or name one" }}
{{- end }}
{{- $drain := include "logsieve.seconds" $config.drain | float64 }}
{{- $grace := .Values.terminationGracePeriodSeconds }}
{{- if le (float64 $grace) $drain }}
{{- fail (printf "terminationGracePeriodSeconds: it is %v, and config.drain %s: a stop would be killed before what was read is delivered; make it %v, or `config.drain` shorter" $grace $config.drain (addf $drain 5.0)) }}
{{- end }}
{{- $telemetry := $config.telemetry | default dict }}
{{- if and (hasKey $telemetry "listen") (not (has $telemetry.listen (list "[::]:9880" "0.0.0.0:9880"))) }}
{{- fail (printf "config.telemetry.listen: it is `%v`, and probes, metrics and `filter push` ask port 9880 of the pod's addresses: leave it out, or make it `[::]:9880` or `0.0.0.0:9880`" (toJson $telemetry.listen | trimAll "\"")) }}
{{- end }}
{{- if eq (include "logsieve.pods" .) "off" }}
{{- if .Values.fastFilters }}
{{- fail "config.enrich.pods.source: with `off` the agent asks nothing of the API server, so `fastFilters` does nothing: set `fastFilters: false` beside it" }}
{{- end }}
{{- range list "labels" "annotations" "namespace_labels" }}{{ $asked := . }}{{ range $config.routes }}
{{- if hasKey (.match | default dict) $asked }}
{{- fail (printf "config.enrich.pods.source: with `off` nothing is known of pods, and config.routes match `%s`: take them out, or choose `auto` or `kubelet`" $asked) }}
{{- end }}
{{- end }}{{ end }}
{{- if ($config.annotations | default dict).allow }}
{{- fail "config.enrich.pods.source: with `off` nothing is known of pods, and `teams` (`namespaces`) or config.annotations.allow go by their annotations: take them out, or choose `auto` or `kubelet`" }}
{{- end }}
{{- end }}
{{- end }}

{{/* A duration as the agent reads it (`25s`, `1m 30s`, `2min`), in whole seconds, rounded up. */}}
{{- define "logsieve.seconds" -}}
{{- $seconds := 0.0 }}
{{- range regexFindAll "[0-9]+ *[a-zA-Z]+" . -1 }}
{{- $unit := regexFind "[a-zA-Z]+$" . }}
{{- $one := 86400.0 }}
{{- if regexMatch "^(n|u)" $unit }}{{ $one = 0.0 }}
{{- else if regexMatch "^(ms|mil)" $unit }}{{ $one = 0.001 }}
{{- else if regexMatch "^s" $unit }}{{ $one = 1.0 }}
{{- else if regexMatch "^(m|min.*)$" $unit }}{{ $one = 60.0 }}
{{- else if regexMatch "^h" $unit }}{{ $one = 3600.0 }}
{{- end }}
{{- $seconds = addf $seconds (mulf (regexFind "^[0-9]+" . | float64) $one) }}
{{- end }}
{{- ceil $seconds }}
{{- end }}
