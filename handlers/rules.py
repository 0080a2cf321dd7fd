"""People: see which rules are in force, where they come from, and what was refused."""

from __future__ import annotations

import azure.functions as func

blueprint = func.Blueprint()


@blueprint.function_name("list_rules")
@blueprint.route(route="rules", methods=["GET"])
async def list_rules(req: func.HttpRequest) -> func.HttpResponse:
    """List the rules in force on this instance, and what is wrong with a refused version."""
    from shared.admission import for_people

    return await for_people(req, _list)


async def _list() -> func.HttpResponse:
    from shared.adapters.replies import reply
    from shared.bootstrap import night, rule_watch
    from shared.engine.rule_news import rules_view

    return reply(rules_view(night(), rule_watch()))
