"""What Okra knows of Argo CD: cluster secrets, ApplicationSets and Applications. Pure: values in, values out.

- `names`, `secrets`, `content`: a cluster secret: what is called how, reading one, what one should hold
- `marks`: who publishes a cluster, written on the secret itself
- `ownership`: whose a server's secret is
- `generators`, `application_sets`, `applications`: what Argo CD's own objects say
- `publishing`: the edits of a secret that publish a cluster and take it back
- `relabelling`: those of one that is published already, by other labels
- `preflight`, `readiness`, `deployment`: the decisions about an ArgoCDApplicationDeployment
- `kstatus`: the conditions of both kinds
"""
