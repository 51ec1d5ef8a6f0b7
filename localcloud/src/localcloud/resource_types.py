"""The resource types of a template that are modelled: properties, names, ARNs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from localcloud.api import ACCOUNT, REGION
from localcloud.identity import arn, bucket_arn


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A resource type: its properties, and how its names are made."""

    properties: frozenset[str]
    name: str
    """The property that may hold the name."""
    arn: Callable[[str], str]
    ref: Callable[[str], str]
    attributes: Mapping[str, Callable[[str], str]]


def _itself(name: str) -> str:
    return name


def _type(
    properties: str,
    name: str,
    make_arn: Callable[[str], str],
    ref: Callable[[str], str] = _itself,
    **attributes: Callable[[str], str],
) -> ResourceType:
    return ResourceType(
        words(properties),
        name,
        make_arn,
        ref,
        attributes or {"Arn": make_arn},
    )


def function_arn(name: str) -> str:
    """Return a function's ARN, without version."""
    return arn("lambda", f"function:{name}")


def _machine_arn(name: str) -> str:
    return arn("states", f"stateMachine:{name}")


def _queue_arn(name: str) -> str:
    return arn("sqs", name)


def queue_url(name: str) -> str:
    """Return what Ref gives for a queue."""
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"


def _topic_arn(name: str) -> str:
    return arn("sns", name)


def role_arn(name: str) -> str:
    """Return a role's ARN; its path is not modelled."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def policy_arn(name: str) -> str:
    """Return a managed policy's ARN; its path is not modelled."""
    return f"arn:aws:iam::{ACCOUNT}:policy/{name}"


def _layer_arn(name: str) -> str:
    return arn("lambda", f"layer:{name}:1")


TYPES: Mapping[str, ResourceType] = {
    "AWS::Serverless::Function": _type(
        "FunctionName Description CodeUri Handler Runtime Architectures MemorySize "
        "Timeout Environment Policies Role RolePath Layers Events Tracing "
        "LoggingConfig Tags AutoPublishAlias AutoPublishAliasAllProperties "
        "PropagateTags",
        "FunctionName",
        function_arn,
    ),
    "AWS::Serverless::LayerVersion": _type(
        "LayerName Description ContentUri CompatibleRuntimes CompatibleArchitectures "
        "RetentionPolicy LicenseInfo PublishLambdaVersion",
        "LayerName",
        _layer_arn,
        _layer_arn,
        LayerVersionArn=_layer_arn,
    ),
    "AWS::Serverless::StateMachine": _type(
        "Name DefinitionUri Definition DefinitionSubstitutions Role RolePath Policies "
        "Logging Tracing Type Tags PropagateTags",
        "Name",
        _machine_arn,
        _machine_arn,
        Arn=_machine_arn,
        Name=_itself,
    ),
    "AWS::DynamoDB::Table": _type(
        "TableName AttributeDefinitions KeySchema BillingMode GlobalSecondaryIndexes "
        "PointInTimeRecoverySpecification TimeToLiveSpecification SSESpecification "
        "DeletionProtectionEnabled Tags",
        "TableName",
        lambda name: arn("dynamodb", f"table/{name}"),
    ),
    "AWS::S3::Bucket": _type(
        "BucketName VersioningConfiguration BucketEncryption "
        "PublicAccessBlockConfiguration OwnershipControls LifecycleConfiguration "
        "NotificationConfiguration Tags",
        "BucketName",
        bucket_arn,
    ),
    "AWS::S3::BucketPolicy": _type("Bucket PolicyDocument", "", _itself),
    "AWS::SQS::Queue": _type(
        "QueueName VisibilityTimeout RedrivePolicy MessageRetentionPeriod "
        "SqsManagedSseEnabled Tags",
        "QueueName",
        _queue_arn,
        queue_url,
        Arn=_queue_arn,
        QueueName=_itself,
        QueueUrl=queue_url,
    ),
    "AWS::SQS::QueuePolicy": _type("Queues PolicyDocument", "", _itself),
    "AWS::SNS::Topic": _type(
        "TopicName DisplayName KmsMasterKeyId Subscription Tags",
        "TopicName",
        _topic_arn,
        _topic_arn,
        TopicArn=_topic_arn,
        TopicName=_itself,
    ),
    "AWS::SNS::Subscription": _type("Protocol TopicArn Endpoint", "", _itself),
    "AWS::SNS::TopicPolicy": _type("Topics PolicyDocument", "", _itself),
    "AWS::Events::Rule": _type(
        "Name Description EventPattern ScheduleExpression EventBusName State Targets "
        "Tags",
        "Name",
        lambda name: arn("events", f"rule/{name}"),
    ),
    "AWS::Lambda::EventSourceMapping": _type(
        "FunctionName EventSourceArn BatchSize MaximumBatchingWindowInSeconds "
        "ScalingConfig FunctionResponseTypes Enabled Tags",
        "",
        lambda name: arn("lambda", f"event-source-mapping:{name}"),
    ),
    "AWS::Lambda::Permission": _type(
        "FunctionName Action Principal SourceArn SourceAccount", "", _itself
    ),
    "AWS::IAM::Role": _type(
        "RoleName Path Description AssumeRolePolicyDocument Policies "
        "ManagedPolicyArns PermissionsBoundary MaxSessionDuration Tags",
        "RoleName",
        role_arn,
    ),
    "AWS::IAM::ManagedPolicy": _type(
        "ManagedPolicyName Path Description PolicyDocument",
        "ManagedPolicyName",
        policy_arn,
        policy_arn,
        PolicyArn=policy_arn,
    ),
    "AWS::Logs::LogGroup": _type(
        "LogGroupName RetentionInDays KmsKeyId LogGroupClass Tags",
        "LogGroupName",
        lambda name: arn("logs", f"log-group:{name}:*"),
    ),
    "AWS::CloudWatch::Alarm": _type(
        "AlarmName AlarmDescription ActionsEnabled AlarmActions OKActions "
        "InsufficientDataActions ComparisonOperator DatapointsToAlarm Dimensions "
        "EvaluationPeriods ExtendedStatistic MetricName Metrics Namespace Period "
        "Statistic Threshold TreatMissingData Unit Tags",
        "AlarmName",
        lambda name: arn("cloudwatch", f"alarm:{name}"),
    ),
    "AWS::CloudWatch::Dashboard": _type(
        "DashboardName DashboardBody",
        "DashboardName",
        lambda name: f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}",
    ),
}

WITH_ROLE = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
_FIRST = (
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::SNS::Topic",
)
CREATION_ORDER = (*_FIRST, *(kind for kind in TYPES if kind not in _FIRST))
"""Creation follows this, and not DependsOn: nothing needs what comes later."""
