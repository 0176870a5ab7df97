{{- define "okra.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "okra.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{- $name := include "okra.name" . -}}
{{ ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- /* Outside the release's namespace, where other releases of this name put theirs too. */ -}}
{{- define "okra.clusterName" -}}
{{ .Release.Namespace }}-{{ include "okra.fullname" . }}
{{- end }}

{{- define "okra.selectorLabels" -}}
app.kubernetes.io/name: {{ include "okra.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* The chart's own win over the values': Helm and the Deployment find their objects by them. */ -}}
{{- define "okra.labels" -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $own := dict "helm.sh/chart" $chart "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{ merge (include "okra.selectorLabels" . | fromYaml) $own (.Values.commonLabels | default dict) | toYaml }}
{{- end }}

{{- define "okra.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "okra.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{- define "okra.image" -}}
{{- $image := .Values.image -}}
{{- $why := "image.repository is needed: build Okra's image, push it, and say where (none is published)" -}}
{{- $repository := required $why $image.repository -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* The files of the kinds to install, as GROUP_PLURAL.yaml. */ -}}
{{- define "okra.kinds" -}}
{{- range $path, $_ := .Files.Glob "crds-files/*.yaml" }}
{{- if or $.Values.crds.hotswap (not (hasPrefix "hotswap." (base $path))) }}
- {{ $path }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The rules on Okra's own kinds and on Secrets: of the scope. */ -}}
{{- define "okra.scopeRules" -}}
{{- $cells := dict "okra.mumoshu.github.io" "cells" }}
{{- if .Values.crds.hotswap }}{{ $_ := set $cells "hotswap.mumoshu.github.io" "systems" }}{{ end }}
{{- range $group, $cell := $cells }}
- apiGroups: [{{ $group }}]
  resources: [{{ $cell }}]
  verbs: [get, list, watch, patch]  # patch: the finalizer of a rollout under way
- apiGroups: [{{ $group }}]
  resources: [{{ $cell }}/finalizers]
  verbs: [update]  # what it makes is owned by it, and blocks its deletion in the foreground
- apiGroups: [{{ $group }}]
  resources: [checks]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [{{ $group }}]
  resources: [{{ $cell }}/status, checks/status]
  verbs: [patch]
{{- if $.Values.argocd.enabled }}
- apiGroups: [{{ $group }}]
  resources: [{{ $cell }}]
  verbs: [create, delete]  # one for each application with a route
- apiGroups: [{{ $group }}]
  resources: [argocdclusters, argocdapplicationdeployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [{{ $group }}]
  resources: [argocdclusters/status, argocdapplicationdeployments/status]
  verbs: [patch]
{{- end }}
{{- end }}
{{- if .Values.argocd.enabled }}
- apiGroups: [okra.mumoshu.github.io]
  resources: [clustersets]
  verbs: [get, list, watch]
- apiGroups: [okra.mumoshu.github.io]
  resources: [targetgroupsets]
  verbs: [get, list, watch, patch]  # patch: the finalizer while its target groups are to go with it
- apiGroups: [okra.mumoshu.github.io]
  resources: [clustersets/finalizers]
  verbs: [update]  # as for Cells
- apiGroups: [okra.mumoshu.github.io]
  resources: [clustersets/status, targetgroupsets/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [list, create, patch, delete]  # the specs that a Cell of applications can go back to
{{- end }}
- apiGroups: [okra.mumoshu.github.io]
  resources: [albs]
  verbs: [get, list, watch, patch]  # as for Cells
- apiGroups: [okra.mumoshu.github.io]
  resources: [albs/finalizers]
  verbs: [update]
- apiGroups: [okra.mumoshu.github.io]
  resources: [albs/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, create, delete]  # of Checks with a job
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, get, patch]  # the same cause again counts in the Event that is there
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
  {{- with .Values.rbac.secretNames }}
  resourceNames: {{ toJson . }}
  {{- end }}
{{- end }}

{{- /* The container's variables, extraEnv apart. */ -}}
{{- define "okra.env" -}}
- {name: OKRA_LISTEN, value: ":8080"}
- {name: OKRA_LEADER_ELECT, value: {{ .Values.leaderElection.enabled | quote }}}
- {name: OKRA_LEASE_NAME, value: {{ include "okra.fullname" . | quote }}}
- {name: OKRA_ARGOCD, value: {{ .Values.argocd.enabled | quote }}}
- {name: OKRA_ARGOCD_NAMESPACE, value: {{ .Values.argocd.namespace | quote }}}
- {name: OKRA_ARGOCD_AUTH, value: {{ .Values.argocd.auth | quote }}}
- {name: OKRA_HOTSWAP, value: {{ .Values.crds.hotswap | quote }}}
- {name: OKRA_CONFIG_MAP, value: {{ include "okra.fullname" . | quote }}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- with .Values.aws.region }}
- {name: AWS_REGION, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: OKRA_{{ $name | snakecase | upper }}
  {{- if kindIs "map" $value }}
  value: {{ toYaml $value | quote }}
  {{- else if kindIs "float64" $value }}
  value: {{ toJson $value | quote }}  {{- /* not 1e+06 */}}
  {{- else }}
  value: {{ toString $value | quote }}
  {{- end }}
{{- end }}
{{- end }}
