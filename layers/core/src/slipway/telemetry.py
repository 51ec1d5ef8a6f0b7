"""The logger and the metrics of every function."""

import warnings

from aws_lambda_powertools import Logger, Metrics

# Most invocations have nothing to count; that is not worth a line in the log.
warnings.filterwarnings("ignore", "No application metrics to publish")

logger = Logger(service="slipway")
metrics = Metrics(namespace="Slipway", service="slipway")
