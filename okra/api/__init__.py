"""Okra's API: the kinds, their fields and their rules. The one source of CRD schemas, docs tables and validation.

Nothing here does I/O. What needs AWS or a cluster to be judged is the controller's to say; everything that an object
says by itself is judged here, the same for `okra lint`, the controller and (by generated schemas) the API server.
"""
