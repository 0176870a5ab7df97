"""Okra: the canary deployment of whole Kubernetes clusters. docs/architecture.md is the map."""
