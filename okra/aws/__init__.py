"""The only room that speaks to AWS. `facade` opens it, `calls` is the one way out, `errors` the wall on the way in."""
