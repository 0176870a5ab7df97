"""The real control plane that tests run against, built from the Go modules that `kubernetes/` and `helm/` pin."""
