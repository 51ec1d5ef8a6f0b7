"""Modelled time, virtual and real."""

import asyncio
from datetime import UTC, datetime

import pytest
from localcloud.clock import SIMULATION_EPOCH, Clock, NothingScheduled, run_virtual


def test_an_hour_of_waiting_passes_at_once() -> None:
    async def main() -> tuple[datetime, float]:
        clock = Clock()
        began = asyncio.get_running_loop().time()
        await clock.sleep(3600)
        assert asyncio.get_running_loop().time() - began == pytest.approx(3600)
        return clock.now(), clock.time()

    now, seconds = run_virtual(main())

    assert now.replace(microsecond=0) == SIMULATION_EPOCH.replace(hour=10)
    assert seconds == pytest.approx(3600)


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def main() -> list[str]:
        clock, fired = Clock(), list[str]()
        clock.call_later(20, fired.append, "second")
        clock.call_later(10, fired.append, "first")
        clock.call_later(20, fired.append, "third")
        cancelled = clock.call_later(5, fired.append, "never")
        cancelled.cancel()
        await clock.sleep(30)
        return fired

    assert run_virtual(main()) == ["first", "second", "third"]


def test_a_factor_stretches_time_for_everything() -> None:
    async def main() -> tuple[float, float]:
        clock = Clock(SIMULATION_EPOCH, factor=20)
        began = asyncio.get_running_loop().time()
        await clock.sleep(100)
        return asyncio.get_running_loop().time() - began, clock.time()

    real, modelled = run_virtual(main())

    assert real == pytest.approx(5)
    assert modelled == pytest.approx(100)


def test_virtual_time_says_so_when_nothing_can_happen_any_more() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingScheduled, match="no timer is set"):
        run_virtual(main())


def test_a_timeout_is_in_modelled_seconds() -> None:
    async def main() -> float:
        clock = Clock(SIMULATION_EPOCH, factor=4)
        with pytest.raises(TimeoutError):
            async with clock.timeout(60):
                await asyncio.Event().wait()
        return clock.time()

    assert run_virtual(main()) == pytest.approx(60)


def test_a_real_clock_begins_now_and_runs_faster() -> None:
    async def main() -> float:
        clock = Clock.realtime(factor=1000)
        assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 10
        assert not clock.virtual
        await clock.sleep(10)
        return clock.time()

    assert asyncio.run(main()) >= 10


def test_a_clock_refuses_a_naive_epoch_and_a_factor_of_zero() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="aware"):
            Clock(datetime(2026, 1, 1))  # noqa: DTZ001
        with pytest.raises(ValueError, match="above 0"):
            Clock(SIMULATION_EPOCH, factor=0)

    run_virtual(main())
