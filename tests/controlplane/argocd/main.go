// Argo CD's ApplicationSet controller, as its own image starts it.
package main

import (
	"os"

	command "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
)

func main() {
	if command.NewCommand().Execute() != nil {
		os.Exit(1)
	}
}
