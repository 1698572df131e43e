"""Cells to Dockerfiles, build contexts and bake files. Pure: nothing is built or looked up here."""
