"""The app's settings as a value; ``shared.adapters.settings_env`` reads them.

Each field names its environment variable and what it may be, so that a wrong one
is refused with one sentence and the documentation is generated from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from shared.core.links import LinkKey
from shared.core.platform_settings import PlatformSettings
from shared.core.setting_words import setting
from shared.core.slurm_clusters import SlurmCluster


@dataclass(frozen=True, slots=True)
class Settings(PlatformSettings):
    """Everything that differs from one deployment to the next."""

    subscriptions: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "NIGHTSHIFT_SUBSCRIPTIONS", "subscriptions the ticks look at, GUIDs with commas"
        ),
    )
    workspaces: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "NIGHTSHIFT_WORKSPACES", "ARM ids of Azure ML workspaces, with commas"
        ),
    )
    rules: tuple[str, ...] = field(
        default=("rules",),
        metadata=setting(
            "NIGHTSHIFT_RULES", "rule folders with commas; a later one wins by rule name"
        ),
    )
    rules_container: str = field(
        default="",
        metadata=setting(
            "NIGHTSHIFT_RULES_CONTAINER",
            "blob container of the app's storage whose *.yaml files are one more layer of "
            "rules, taken without a deployment; empty: none",
        ),
    )
    rules_poll: timedelta = field(
        default=timedelta(seconds=60),
        metadata=setting(
            "NIGHTSHIFT_RULES_POLL",
            "how often that container is looked at, by each instance, 10s to 1h",
        ),
    )
    lease: timedelta = field(
        default=timedelta(seconds=30),
        metadata=setting("NIGHTSHIFT_LEASE", "lease on a plan, 10s to 10m"),
    )
    event_budget: timedelta = field(
        default=timedelta(seconds=20),
        metadata=setting(
            "NIGHTSHIFT_EVENT_BUDGET",
            "how long an event handler works on its plan itself, 1s to 25s",
        ),
    )
    plan_budget: timedelta = field(
        default=timedelta(minutes=4),
        metadata=setting(
            "NIGHTSHIFT_PLAN_BUDGET",
            "how long one queue invocation works on a plan, 10s to 4m30s",
        ),
    )
    archive_days: int = field(
        default=30,
        metadata=setting(
            "NIGHTSHIFT_ARCHIVE_DAYS",
            "days for which a copy of every delivery is kept for replays, 0 to 3650; "
            "0: no copies",
        ),
    )
    acknowledge: str = field(
        default="forwarder",
        metadata=setting(
            "NIGHTSHIFT_ACKNOWLEDGE",
            "who acknowledges a maintenance notice once a rule lets it: forwarder (in one of "
            "the machines) or control_plane (the app itself, a preview interface)",
        ),
    )
    dry_run: bool = field(
        default=False,
        metadata=setting("NIGHTSHIFT_DRY_RUN", "true: decide and record, never act"),
    )
    protected_tags: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "NIGHTSHIFT_PROTECTED_TAGS",
            "tags of resources never acted on, NAME or NAME=VALUE, with commas",
        ),
    )
    protected_names: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "NIGHTSHIFT_PROTECTED_NAMES",
            "names of resources never acted on, with * and ? as in prod-*, with commas",
        ),
    )
    slurm: tuple[SlurmCluster, ...] = field(
        default=(),
        metadata=setting(
            "NIGHTSHIFT_SLURM",
            "Slurm clusters by their REST servers, NAME=https://HOST:PORT with commas (http "
            "for 127.0.0.1 alone), or a JSON list of {name, url, user, within}; empty: none",
        ),
    )
    slurm_key: str = field(
        default="",
        repr=False,
        metadata=setting(
            "NIGHTSHIFT_SLURM_KEY",
            "Slurm's jwt_hs256.key in base64, 16 bytes or more, a secret; empty: none",
        ),
    )
    own_resources: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "NIGHTSHIFT_OWN_RESOURCES",
            "ARM ids of Nightshift's own resource groups and resources, with commas; "
            "default: the resource group that the app runs in",
        ),
    )
    app_service_auth: bool = field(
        default=False,
        metadata=setting(
            "NIGHTSHIFT_APP_SERVICE_AUTH",
            "true: App Service authentication stands in front, its headers are believed",
        ),
    )
    url: str = field(
        default="",
        metadata=setting(
            "NIGHTSHIFT_URL",
            "address of the app in the links that people get, https (http on this machine); "
            "default: the one the platform gave it",
        ),
    )
    link_keys: tuple[LinkKey, ...] = field(
        default=(),
        repr=False,
        metadata=setting(
            "NIGHTSHIFT_LINK_KEYS",
            "keys that sign approval links, NAME:BASE64 of 32 bytes or more each, one or two "
            "with a comma: the first signs, both verify; empty: a page opens only for who is "
            "signed in",
        ),
    )
    sign_in: str = field(
        default="https://login.microsoftonline.com",
        metadata=setting("NIGHTSHIFT_SIGN_IN", "Entra's address in the cloud, https"),
    )
    tenant: str = field(
        default="",
        metadata=setting(
            "NIGHTSHIFT_TENANT",
            "Entra tenant whose people may approve, a GUID; empty: nobody is known by name",
        ),
    )
    audience: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "NIGHTSHIFT_AUDIENCE",
            "who bearer tokens must be for, with commas: the app registration's client id "
            "and its api:// address; empty: no bearer token is taken",
        ),
    )
    approver_role: str = field(
        default="Approver",
        metadata=setting(
            "NIGHTSHIFT_APPROVER_ROLE", "app role that a person needs to approve or reject"
        ),
    )
    alert_role: str = field(
        default="",
        metadata=setting(
            "NIGHTSHIFT_ALERT_ROLE",
            "app role that whoever posts alerts must bring in a token, beside the key",
        ),
    )
    ask_roles: bool = field(
        default=False,
        metadata=setting(
            "NIGHTSHIFT_ASK_ROLES",
            "true: beside the key people must sign in, with the app role Reader, Operator or "
            "that of approvers to read, and Operator to start, pause and reset",
        ),
    )
    telemetry: bool = field(
        default=False,
        metadata=setting(
            "NIGHTSHIFT_TELEMETRY", "true: traces and metrics go to Application Insights"
        ),
    )
    insights: str = field(
        default="",
        repr=False,
        metadata=setting(
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            "connection string of Application Insights, which the platform sets",
        ),
    )
    prices: str = field(
        default="rules/prices.json",
        metadata=setting("NIGHTSHIFT_PRICES", "file of list prices; empty: none"),
    )
    team_tag: str = field(
        default="team",
        metadata=setting("NIGHTSHIFT_TEAM_TAG", "tag whose value says whose a machine is"),
    )
    runbook_approval: str = field(
        default="none",
        metadata=setting(
            "NIGHTSHIFT_RUNBOOK_APPROVAL",
            "whose yes a runbook needs: none, required or four_eyes",
        ),
    )
    teams_webhook: str = field(
        default="",
        repr=False,
        metadata=setting(
            "NIGHTSHIFT_TEAMS_WEBHOOK",
            "address of a Teams Workflows webhook, https, a secret; empty: Teams is not told",
        ),
    )
    slack_webhook: str = field(
        default="",
        repr=False,
        metadata=setting(
            "NIGHTSHIFT_SLACK_WEBHOOK",
            "address of a Slack incoming webhook, https, a secret; empty: Slack is not told",
        ),
    )
    slack_signing_secret: str = field(
        default="",
        repr=False,
        metadata=setting(
            "NIGHTSHIFT_SLACK_SIGNING_SECRET",
            "signing secret of the Slack app, at least 16 characters; empty: no buttons "
            "that decide",
        ),
    )
    slack_approvers: tuple[str, ...] = field(
        default=(),
        metadata=setting(
            "NIGHTSHIFT_SLACK_APPROVERS",
            "who may decide in Slack, SLACK_USER_ID=NAME as in U024BE7LH=ada@example.com, "
            "with commas",
        ),
    )
    slack_reply_hosts: tuple[str, ...] = field(
        default=("hooks.slack.com",),
        metadata=setting(
            "NIGHTSHIFT_SLACK_REPLY_HOSTS",
            "hosts to which answers in Slack are written, HOST or HOST:PORT, with commas",
        ),
    )
    webhook_url: str = field(
        default="",
        repr=False,
        metadata=setting(
            "NIGHTSHIFT_WEBHOOK_URL",
            "address that is told in plain JSON, https, a secret; empty: none is",
        ),
    )
    webhook_key: str = field(
        default="",
        repr=False,
        metadata=setting(
            "NIGHTSHIFT_WEBHOOK_KEY",
            "key that signs what that address is told, at least 16 characters; empty: "
            "it is not signed",
        ),
    )
