"""Provisioning: what an environment is to have, against what it has.

Pure: manifests' records and what AWS shows in, changes with reasons out.
"""
