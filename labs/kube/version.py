"""The version of Kubernetes that is served and spoken here."""

VERSION = "v1.37.0"
