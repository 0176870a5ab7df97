"""PURE: which clusters a set finds, what each of them gets, and when it loses it. No I/O, no clock, no chance.

generators, fleets  ──►  census     which clusters there are, by whose account; what can't be known
                    ──►  removal    what has been missing long enough, and whose turn it is
                    ──►  clusters   of a ClusterSet: its ArgoCDClusters
                         groups     of a TargetGroupSet: its target groups
"""
