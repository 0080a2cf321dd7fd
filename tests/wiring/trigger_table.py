"""The golden trigger table: the names that others rely on."""

HTTP = {
    "on_alert": ("POST", "alerts", "FUNCTION"),
    "start_runbook": ("POST", "runbooks/{remediation}", "FUNCTION"),
    "list_plans": ("GET", "plans", "FUNCTION"),
    "get_plan": ("GET", "plans/{id}", "FUNCTION"),
    "get_event": ("GET", "events/{event_id}", "FUNCTION"),
    "create_pause": ("POST", "pauses", "FUNCTION"),
    "list_pauses": ("GET", "pauses", "FUNCTION"),
    "lift_pause": ("DELETE", "pauses/{id}", "FUNCTION"),
    "list_breakers": ("GET", "breakers", "FUNCTION"),
    "reset_breaker": ("POST", "breakers/reset", "FUNCTION"),
    "list_approvals": ("GET", "approvals", "FUNCTION"),
    "show_approval": ("GET", "approvals/{id}", "ANONYMOUS"),
    "decide_approval": ("POST", "approvals/{id}", "ANONYMOUS"),
    "get_notice": ("GET", "notices/{event_id}", "FUNCTION"),
    "get_savings": ("GET", "savings/{month}", "FUNCTION"),
    "list_reports": ("GET", "reports", "FUNCTION"),
    "list_rules": ("GET", "rules", "FUNCTION"),
    "on_slack_action": ("POST", "slack/actions", "ANONYMOUS"),
    "doctor": ("GET", "doctor", "FUNCTION"),
    "list_forwarders": ("GET", "forwarders", "FUNCTION"),
    "start_smoke": ("POST", "smoke", "FUNCTION"),
    "health": ("GET", "health", "ANONYMOUS"),
}
QUEUES = {
    "on_platform_event": "platform-events",
    "on_platform_event_poison": "platform-events-poison",
    "carry_out_plan": "plans",
    "carry_out_plan_poison": "plans-poison",
}
TIMERS = {
    "tick_resume": ("*/15 * * * * *", False),
    "tick_idle": ("0 */10 * * * *", None),
    "tick_export": ("*/30 * * * * *", False),
    "tick_notify": ("*/15 * * * * *", False),
    "tick_survey": ("30 */5 * * * *", None),
    "tick_reconcile": ("45 * * * * *", False),
    "tick_cleanup": ("0 15 3 * * *", None),
}
