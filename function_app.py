"""The Functions entry point: it registers the handlers and decides nothing."""

from __future__ import annotations

import azure.functions as func

from handlers import (
    alerts,
    approvals,
    controls,
    doctor,
    event_grid,
    notices,
    plans,
    reports,
    rules,
    runbooks,
    savings,
    slack,
    timers,
)

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (
    event_grid,
    alerts,
    plans,
    runbooks,
    notices,
    controls,
    approvals,
    slack,
    rules,
    reports,
    savings,
    doctor,
    timers,
):
    app.register_functions(module.blueprint)
