import asyncio

import nats.errors
import pytest

from firstparty.errors import Unavailable
from firstparty.spool.log import unavailable


async def wait_for(future: asyncio.Future[None]) -> None:
    with unavailable("read"):
        await future


async def started(future: asyncio.Future[None]) -> asyncio.Task[None]:
    task = asyncio.create_task(wait_for(future))
    await asyncio.sleep(0)
    return task


async def test_what_the_client_library_cancels_is_the_log_being_away() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = await started(future)
    future.cancel()  # as nats-py does with what waits for a message of a connection that it closes

    with pytest.raises(Unavailable, match="connection was lost"):
        await task


async def test_a_task_that_is_cancelled_is_cancelled() -> None:
    task = await started(asyncio.get_running_loop().create_future())
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "error", [nats.errors.ConnectionClosedError(), OSError(9, "bad"), RuntimeError("is closed")]
)
async def test_whatever_a_broken_connection_raises_is_the_log_being_away(error: Exception) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = await started(future)
    future.set_exception(error)

    with pytest.raises(Unavailable) as found:
        await task

    assert found.value.__cause__ is error
