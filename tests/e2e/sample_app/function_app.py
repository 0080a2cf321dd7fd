"""A small function app that has nothing to do with Nightshift.

It shows that the host stand-in runs any Python v2 app. What the functions saw
is kept in memory and read back over HTTP; results that must outlive a crash go
to a queue.
"""

import asyncio
import json
import os
import time

import azure.functions as func
from neighbour import FOLDER

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
SEEN: list[dict] = []
RUNNING = {"tick_each_second": 0}


@app.route(route="greet/{name}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def greet(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    answer = {
        "name": req.route_params["name"],
        "query": req.params.get("q"),
        "body": req.get_body().decode(),
        "function": context.function_name,
        "invocation": context.invocation_id,
        "cwd_is_app": os.getcwd() == FOLDER,  # noqa: PTH109 - what the app itself would ask
    }
    response = func.HttpResponse(
        json.dumps(answer), status_code=201, mimetype="application/json"
    )
    response.headers["x-sample"] = "yes"
    response.headers.add("Set-Cookie", "a=1; Path=/")
    return response


@app.route(route="items/{id:int}", auth_level=func.AuthLevel.ANONYMOUS)
def item(req: func.HttpRequest) -> str:
    return f"item {req.route_params['id']}"


@app.route(route="items/latest", auth_level=func.AuthLevel.ANONYMOUS)
async def latest_item(req: func.HttpRequest) -> str:
    return "latest"


@app.route(route="files/{*rest}", auth_level=func.AuthLevel.ANONYMOUS)
async def files(req: func.HttpRequest) -> str:
    return req.route_params["rest"]


@app.route(route="seen")
def seen(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(SEEN), mimetype="application/json")


@app.route(route="admin-only", auth_level=func.AuthLevel.ADMIN)
def admin_only(req: func.HttpRequest) -> None:
    return None


@app.route(route="fails", auth_level=func.AuthLevel.ANONYMOUS)
async def fails(req: func.HttpRequest) -> str:
    raise RuntimeError("on purpose")


@app.route(route="sleeps", auth_level=func.AuthLevel.ANONYMOUS)
async def sleeps(req: func.HttpRequest) -> str:
    await asyncio.sleep(float(req.params["seconds"]))
    return "awake"


@app.queue_trigger(
    arg_name="msg", queue_name="%PREFIX%-work", connection="AzureWebJobsStorage"
)
@app.queue_output(
    arg_name="$return", queue_name="%PREFIX%-results", connection="AzureWebJobsStorage"
)
async def on_work(msg: func.QueueMessage) -> str:
    order = msg.get_json()
    SEEN.append(
        {"function": "on_work", "order": order, "count": msg.dequeue_count, "at": time.time()}
    )
    await asyncio.sleep(order.get("seconds", 0))
    if order.get("fail"):
        raise RuntimeError("on purpose")
    return json.dumps({"done": order["id"], "inserted": msg.insertion_time.isoformat()})


@app.queue_trigger(
    arg_name="msg", queue_name="%PREFIX%-work-poison", connection="AzureWebJobsStorage"
)
def on_work_poison(msg: func.QueueMessage) -> None:
    SEEN.append({"function": "on_work_poison", "body": msg.get_body().decode()})


@app.queue_trigger(arg_name="msg", queue_name="%PREFIX%-fan", connection="AzureWebJobsStorage")
@app.queue_output(
    arg_name="out", queue_name="%PREFIX%-results", connection="AzureWebJobsStorage"
)
def fan_out(msg: func.QueueMessage, out: func.Out[list[str]]) -> None:
    out.set([f"part {n}" for n in range(int(msg.get_body()))])


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
async def tick_each_second(timer: func.TimerRequest) -> None:
    RUNNING["tick_each_second"] += 1
    SEEN.append({"function": "tick_each_second", "running": RUNNING["tick_each_second"]})
    await asyncio.sleep(1.2)
    RUNNING["tick_each_second"] -= 1


@app.timer_trigger(arg_name="timer", schedule="%YEARLY%")
def tick_yearly(timer: func.TimerRequest) -> None:
    SEEN.append({"function": "tick_yearly", "past_due": timer.past_due})


@app.timer_trigger(arg_name="timer", schedule="%YEARLY%", run_on_startup=True)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
def tick_at_start(timer: func.TimerRequest, context: func.Context) -> None:
    SEEN.append({"function": "tick_at_start", "retry": context.retry_context.retry_count})
    raise RuntimeError("on purpose")


@app.event_grid_trigger(arg_name="event")
def on_event(event: func.EventGridEvent) -> None:
    data = event.get_json()
    SEEN.append({"function": "on_event", "type": event.event_type, "data": data})
    if data.get("fail"):
        raise RuntimeError("on purpose")


@app.event_grid_trigger(arg_name="event")
async def on_cloud_event(event: func.CloudEvent) -> None:
    SEEN.append(
        {
            "function": "on_cloud_event",
            "class": type(event).__name__,
            "source": event.source,
            "time": event.time.isoformat(),
            "data": event.get_json(),
        }
    )
