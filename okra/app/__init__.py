"""The composition root: settings → ports → supervisors → web."""
