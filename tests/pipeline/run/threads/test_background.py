"""Work in the background."""

import threading

from pipeline.run.threads.background import start_thread


def test_an_action_runs_on_a_named_thread_that_keeps_no_process_alive() -> None:
    threads: list[threading.Thread] = []
    background = start_thread("expire", lambda: threads.append(threading.current_thread()))
    background.join(5.0)
    assert not background.is_alive()
    assert [(thread.name, thread.daemon) for thread in threads] == [("expire", True)]
