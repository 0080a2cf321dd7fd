"""Who may call a route beside having its key: people with an app role, where one is asked for.

A function key says that a program was set up by somebody; it does not say who asks now.
With ``NIGHTSHIFT_ASK_ROLES`` reading wants one of three roles and operating one of them.
What programs call (alerts, forwarders) asks for none, and what people decide about a plan
has its own rules (``handlers/approvals.py``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import azure.functions as func

from shared.adapters.approval_replies import STATUS
from shared.adapters.replies import or_problem, problem
from shared.bootstrap import night, sign_in
from shared.core.approvals import Refusal, Refused
from shared.core.sign_in import OPERATOR, READER, must_have_one

Work = Callable[[], Awaitable[func.HttpResponse]]


async def for_people(
    req: func.HttpRequest, work: Work, *, to_operate: bool = False
) -> func.HttpResponse:
    """Do the work of a route for who may ask for it; a refusal becomes a problem."""

    async def admitted() -> func.HttpResponse:
        try:
            await let_in(req, to_operate=to_operate)
        except Refused as refused:
            status = STATUS[refused.refusal]
            return problem(status, str(refused), reason=refused.refusal.value)
        return await work()

    return await or_problem(admitted)


async def for_alerts(req: func.HttpRequest, work: Work) -> func.HttpResponse:
    """Do the work of the alerts' route for a program with the role, if one is asked for.

    A secure webhook brings the action group's own token; the key alone then opens nothing.
    """
    role = night().settings.alert_role
    if role:
        headers = {name.casefold(): text for name, text in req.headers.items()}
        try:
            await sign_in().program(headers, role)
        except Refused as refused:
            status = STATUS[refused.refusal]
            return problem(status, str(refused), reason=refused.refusal.value)
    return await work()


async def let_in(req: func.HttpRequest, *, to_operate: bool = False) -> None:
    """Insist on a role where the deployment asks for roles.

    Raises:
        Refused: Nobody is signed in, or somebody without the role.
        RetryLater: Entra's keys could not be read.
    """
    settings = night().settings
    if not settings.ask_roles:
        return
    headers = {name.casefold(): text for name, text in req.headers.items()}
    identity = await sign_in().who(headers)
    if identity is None:
        raise Refused(
            Refusal.NOT_SIGNED_IN,
            "the key is not enough here: sign in with Entra as well (a bearer token)",
        )
    may_read = (READER, OPERATOR, settings.approver_role)
    must_have_one(identity, (OPERATOR,) if to_operate else may_read)
