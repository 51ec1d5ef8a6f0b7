"""The only users of boto3: one small module per AWS service."""
