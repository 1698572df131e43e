"""What has to do with a Docker engine; nothing outside this package imports its SDK."""
