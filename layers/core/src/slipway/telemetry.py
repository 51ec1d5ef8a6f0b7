"""The logger and the metrics of every function.

Both are named by POWERTOOLS_SERVICE_NAME and POWERTOOLS_METRICS_NAMESPACE, which the
template sets.
"""

from aws_lambda_powertools import Logger, Metrics

logger = Logger()
metrics = Metrics()
