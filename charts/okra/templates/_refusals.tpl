{{- /* What the schema of the values can't say: one value against another. */ -}}
{{- define "okra.refusals" -}}
{{- if and (not .Values.leaderElection.enabled) (gt (int .Values.replicaCount) 1) }}
{{- fail "leaderElection.enabled=false: without a leader every replica writes to AWS; set replicaCount=1" }}
{{- end }}
{{- with .Values.settings }}
{{- if gt (int (default 10 .stepWeight)) (int (default 100 .totalWeight)) }}
{{- fail "settings.totalWeight must be at least settings.stepWeight (their defaults are 100 and 10)" }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
{{- if regexMatch "^--(no-)?leader-elect" . }}
{{- fail (printf "extraArgs: %s belongs to the value leaderElection.enabled" .) }}
{{- end }}
{{- end }}
{{- $own := list }}
{{- range include "okra.env" . | fromYamlArray }}{{ $own = append $own .name }}{{ end }}
{{- range .Values.extraEnv }}
{{- if has .name $own }}
{{- fail (printf "extraEnv: %s is set by a value of the chart" .name) }}
{{- end }}
{{- end }}
{{- end }}
