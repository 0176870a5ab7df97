"""The ways in: what other tools' files and a route as it stands are in Okra's own kinds. Pure: text in, objects out."""
