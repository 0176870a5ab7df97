"""What a complex Cell does next: its clusters, and its applications one after the other. PURE, as okra.rollout.

No weight is moved here. Each application with a route has a child Cell that moves it by okra.rollout's machine, each
that Argo CD deploys an ArgoCDApplicationDeployment; both are asked for as effects and judged by what their status says.
"""
