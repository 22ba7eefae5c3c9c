"""The colours that make up a picture, as an operation for Penstock."""
