{{/* The image of node and proxy: a digest counts in place of the tag. */}}
{{- define "node.image" -}}
{{- .Values.image.name }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}
