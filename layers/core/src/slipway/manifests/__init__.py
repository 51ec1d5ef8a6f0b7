"""Manifests: what a team writes about an environment and its services, and reading it.

Pure: texts in, validated records or problems out. Nothing here knows AWS's API.
"""
