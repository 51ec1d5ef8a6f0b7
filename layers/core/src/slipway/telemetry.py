"""The logger and the metrics of every function.

Both are named by POWERTOOLS_SERVICE_NAME and POWERTOOLS_METRICS_NAMESPACE, which the
template sets.
"""

import warnings

from aws_lambda_powertools import Logger, Metrics

# Most invocations have nothing to count; that is not worth a line in the log.
warnings.filterwarnings("ignore", "No application metrics to publish")

logger = Logger()
metrics = Metrics()
