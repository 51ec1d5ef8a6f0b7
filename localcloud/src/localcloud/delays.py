"""How long AWS takes: every delay that the local cloud models, in one place.

What depends on a resource's own settings is not here: the health checks' interval and
thresholds and the deregistration delay are the target group's, the stop timeout is the
container's, and how long an image takes to pull and start is the image's.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delays:
    """Modelled seconds, all of them 0 or more.

    Where AWS states no figure the value is a cautious guess from what is seen in
    practice, and its docstring says so.
    """

    network_interface_seconds: float = 5.0
    """PROVISIONING: making and attaching the task's network interface. No figure is
    stated (Amazon ECS Developer Guide, task-lifecycle-explanation)."""

    activation_seconds: float = 1.0
    """ACTIVATING: registering a started task with its target groups. No figure is
    stated (Amazon ECS Developer Guide, task-lifecycle-explanation)."""

    deprovisioning_seconds: float = 5.0
    """DEPROVISIONING: detaching and deleting the network interface. No figure is
    stated (Amazon ECS Developer Guide, task-lifecycle-explanation)."""

    scheduling_seconds: float = 1.0
    """Between a change of a service or of its tasks and the scheduler's answer to it.
    No figure is stated (Amazon ECS Developer Guide, ecs_services)."""

    restart_pause_seconds: float = 10.0
    """First pause before a task is tried again that did not reach RUNNING; doubles with
    each further one. That pauses grow is documented, by how much is not (Amazon ECS
    Developer Guide, service-throttle-logic)."""

    restart_pause_max_seconds: float = 1620.0
    """27 minutes, the longest pause between such attempts (Amazon ECS Developer Guide,
    service-throttle-logic)."""

    ecs_read_lag_seconds: float = 0.0
    """How long ago DescribeServices, DescribeTasks and ListTasks look. No figure is
    stated: reads are eventually consistent (Amazon ECS API reference)."""

    inactive_service_seconds: float = 3600.0
    """How long a deleted service can still be described as INACTIVE. No figure is
    stated (Amazon ECS API reference, DeleteService)."""

    namespace_seconds: float = 30.0
    """Until a namespace of Cloud Map is made or deleted. No figure is stated (Cloud Map
    API reference, GetOperation)."""

    instance_seconds: float = 1.0
    """Until an instance is registered with Cloud Map or deregistered. No figure is
    stated (Cloud Map API reference, GetOperation)."""

    custom_health_seconds: float = 30.0
    """Until a custom health status counts (Cloud Map API reference,
    HealthCheckCustomConfig)."""

    certificate_seconds: float = 5.0
    """Until a certificate that was requested is listed, and says how its domains are
    proved: several seconds (ACM API reference, RequestCertificate)."""

    certificate_issue_seconds: float = 180.0
    """Between all of a certificate's records being in their zone and it being issued.
    No figure is stated but that it can take long (ACM user guide,
    troubleshooting-pending)."""

    certificate_timeout_seconds: float = 259200.0
    """72 hours, after which ACM waits for a proof no longer (ACM API reference,
    CertificateDetail)."""

    propagation_seconds: float = 3.0
    """Until all nodes of a load balancer act on a changed rule, weight or target
    health. No figure is stated (Application Load Balancers user guide,
    load-balancer-listeners)."""

    network_weights_seconds: float = 300.0
    """Until all nodes of a Network Load Balancer act on changed weights. No figure is
    stated; ECS itself waits for 10 minutes (Amazon ECS Developer Guide,
    nlb-resources-for-blue-green)."""

    idle_timeout_seconds: float = 60.0
    """How long a load balancer waits for an answer before it gives a 504: the
    attribute idle_timeout.timeout_seconds, whose default this is (Application Load
    Balancers user guide, edit-load-balancer-attributes)."""

    metric_period_seconds: float = 60.0
    """Load balancers report their metrics in periods of 60 seconds (Application Load
    Balancers user guide, load-balancer-cloudwatch-metrics)."""

    metric_lateness_seconds: float = 120.0
    """How long after its end a minute's data can be read. No figure is stated (Amazon
    CloudWatch User Guide, cloudwatch_concepts: data can arrive late)."""


@dataclass(frozen=True, slots=True)
class OpenQuestions:
    """What AWS's documentation leaves open: each answer is a switch, tests run both."""

    requests_stamped_on_arrival: bool = False
    """Whether a request that gets no answer counts in the minute in which it came, or
    in that in which the load balancer gave it up."""

    group_cookie_is_not_renewed: bool = False
    """Whether the cookie by which a client stays with a target group ends so long after
    it was given, or after the client's last request. That the expiry of a load
    balancer's cookies begins anew with each request is said where targets' are
    described (Application Load Balancers user guide, edit-target-group-attributes)."""

    group_cookie_yields_where_group_is_empty: bool = False
    """Whether a client whose cookie names a target group without targets goes by weight
    instead, or gets a 503. Of weights it is documented that none passes to another
    group (Application Load Balancers user guide, rule-action-types)."""

    breaker_counts_exits_of_healthy_tasks: bool = False
    """Whether the deployment circuit breaker counts a task that passed its health
    checks and then ended by itself, the deployment not yet being complete. That it
    counts tasks that never ran, or failed their checks, is documented (Amazon ECS
    Developer Guide, deployment-circuit-breaker)."""

    new_certificate_is_unknown: bool = False
    """Whether a certificate that was just requested is not found, or is found without
    word of how it is proved. The page speaks of a delay before information about it can
    be retrieved (ACM API reference, RequestCertificate)."""

    strategy_change_has_to_be_forced: bool = False
    """Whether UpdateService refuses another capacity provider strategy without
    forceNewDeployment. The page lists it among what starts no deployment by itself
    (Amazon ECS API reference, UpdateService); the service has been seen to refuse
    it."""
