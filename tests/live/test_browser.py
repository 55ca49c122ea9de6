"""Lab 3 as a learner sees it: JupyterLab in a real browser, run all, the table of results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Response, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LESSON = "03-iptables-chains/lesson.ipynb"
SECONDS = 240  # a lesson of sixty cells, on a machine that other tests use too

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}: apt-get install chromium"),
]


@dataclass(frozen=True)
class Server:
    """JupyterLab as `lab notebook` serves it."""

    url: str
    token: str

    def page(self, path: str) -> str:
        return f"{self.url}lab/tree/{path}?token={self.token}"

    def kernels(self) -> list[dict[str, Any]]:
        """What the server says about its kernels; while one is replaced it answers 500 for a moment."""
        request = urllib.request.Request(
            f"{self.url}api/kernels", headers={"Authorization": f"token {self.token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                found: list[dict[str, Any]] = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 500:
                raise
            return []
        return found


def until(true: Any, why: str) -> Any:
    """Poll until `true()` gives something; fails the test after the deadline."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.05)
    return pytest.fail(f"not within {SECONDS} s: {why}")


@pytest.fixture(scope="module")
def server(lab: Any) -> Iterator[Server]:
    """`lab notebook` on the workspace of a lab in which lab 3 has been started."""
    lab("start", "3", "--seed", "0")
    environ = {**os.environ, "LAB_HOME": str(lab.home)}
    environ.pop("LAB_WORKSPACE", None)
    command = [*lab.command, "notebook", "--no-browser", "--port=0"]
    with (
        open(lab.home / "notebook.log", "w") as log,
        subprocess.Popen(command, env=environ, stdout=log, stderr=log) as process,
    ):
        runtime = lab.home / "jupyter" / "runtime"
        (found,) = until(lambda: list(runtime.glob("jpserver-*.json")), "JupyterLab serves")
        said = json.loads(until(found.read_text, "its file is written"))
        yield Server(said["url"], said["token"])
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser.new_page(viewport={"width": 1280, "height": 1000})
        browser.close()


def test_a_learner_opens_lab_3_runs_all_and_sees_the_table_of_results(server: Server, page: Page) -> None:
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  playwright marks its handlers
    page.goto(server.page(LESSON), timeout=SECONDS * 1000)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=SECONDS * 1000)
    until(
        lambda: any(each["execution_state"] == "idle" and each["connections"] for each in server.kernels()),
        "a kernel",
    )
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    table = page.locator(".jp-OutputArea-output table").filter(has_text="You named the mode")
    expect(table).to_contain_text("lab 3: The chains of a NodePort", timeout=SECONDS * 1000)
    expect(table).to_contain_text("lab answer 3")
    assert {each.url.split("/")[2] for each in answers} == {server.url.split("/")[2]}


def test_another_program_of_this_host_gets_nothing_without_the_token(server: Server) -> None:
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{server.url}api/contents/{LESSON}", timeout=SECONDS)


def test_a_task_is_done_with_the_keyboard_alone(lab: Any, server: Server, page: Page) -> None:
    lab("start", "0", "--seed", "0")
    page.goto(f"{server.page('00-orientation/lesson.ipynb')}&reset", timeout=SECONDS * 1000)
    here = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    here.locator(".jp-Cell").first.wait_for(timeout=SECONDS * 1000)
    chosen = here.locator(".jp-Cell.jp-mod-active")
    until(lambda: sum(bool(each["connections"]) for each in server.kernels()), "a kernel")
    until(
        lambda: page.evaluate("document.activeElement.closest('.jp-Notebook') !== null"), "the focus is there"
    )
    until(lambda: _moved_to(page, chosen, 'answer("nodes", "")'), "the cell of the right answer")
    page.keyboard.press("Enter")
    for key in ("Control+Home", "End", "ArrowLeft", "ArrowLeft", "3", "Shift+Enter"):
        page.keyboard.press(key)
    expect(here.locator(".jp-OutputArea-output").filter(has_text="✓")).to_contain_text(
        "1 of 1 points", timeout=SECONDS * 1000
    )
    page.keyboard.press("Escape")
    page.keyboard.press("Control+End")
    scrolled = here.locator(".jp-WindowedPanel-outer")
    until(
        lambda: scrolled.evaluate("it => it.scrollTop + it.clientHeight >= it.scrollHeight - 1"),
        "the notebook is at its end",
    )
    expect(here.locator(".jp-Cell").last).to_be_in_viewport(ratio=0.9)


def _moved_to(page: Page, chosen: Locator, words: str) -> bool:
    """Run the chosen cell, which chooses the next, unless it is the one with these words."""
    if words in chosen.inner_text():
        return True
    page.keyboard.press("Shift+Enter")
    return False


@pytest.mark.parametrize(("scheme", "filtered"), [("light", False), ("dark", True)])
def test_the_words_of_a_plot_are_seen_on_a_dark_page_too(server: Server, scheme: str, filtered: bool) -> None:
    """JupyterLab shows a plot as an <img>, whose words are black whatever the page's are."""
    plot = "<div class=jp-RenderedSVG id=plot><img></div>"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        page = browser.new_page(color_scheme=scheme)
        page.goto(f"{server.page(LESSON)}&reset", timeout=SECONDS * 1000)
        page.locator("body[data-jp-theme-light]").wait_for(state="attached", timeout=SECONDS * 1000)
        page.evaluate("plot => document.body.insertAdjacentHTML('beforeend', plot)", plot)
        ask = "() => getComputedStyle(document.querySelector('#plot img')).filter"
        until(lambda: (page.evaluate(ask) != "none") is filtered, f"the filter of a {scheme} page")
        browser.close()
