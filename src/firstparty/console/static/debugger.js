// The live debugger: puts in the rows that the server renders, and keeps the newest ones.
"use strict";

(() => {
  const list = document.getElementById("live");
  if (!list) return;
  const MAX_ROWS = 300;
  const element = (id) => document.getElementById(id);
  const [state, search, pause, skipped, empty] = [
    "live-state", "live-search", "live-pause", "live-skipped", "live-empty",
  ].map(element);
  let held = [];
  let missed = 0;
  let isPaused = false;

  const say = (text, tone) => {
    state.textContent = text;
    state.className = `chip ${tone}`;
  };
  const fits = (row) => row.textContent.toLowerCase().includes(search.value.trim().toLowerCase());

  const put = (html) => {
    list.insertAdjacentHTML("afterbegin", html);
    list.firstElementChild.hidden = !fits(list.firstElementChild);
    while (list.childElementCount > MAX_ROWS) list.lastElementChild.remove();
    empty.hidden = true;
  };
  const settle = (html) => {
    const part = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    const row = element(part.dataset.of);
    if (row) row.querySelector(".outcome").replaceChildren(...part.childNodes);
  };
  const show = (event) => (event.type === "outcome" ? settle : put)(event.data);
  const take = (event) => {
    if (!isPaused) return show(event);
    held.push(event);
    if (held.length > 2 * MAX_ROWS) held.shift();
    pause.textContent = `Go on (${held.filter(({ type }) => type === "message").length} held)`;
  };

  const stream = new EventSource(list.dataset.stream);
  stream.addEventListener("listening", () => say(isPaused ? "paused" : "listening", "good"));
  stream.addEventListener("message", take);
  stream.addEventListener("outcome", take);
  stream.addEventListener("skipped", ({ data }) => {
    missed += Number(data);
    skipped.textContent = `${missed} more arrived than a person can read; they are not shown.`;
    skipped.hidden = false;
  });
  stream.addEventListener("sorry", ({ data }) => say(data, "bad"));
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) say("ended: reload the page", "bad");
    else if (!state.classList.contains("bad")) say("connecting again", "wait");
  });

  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    say(isPaused ? "paused" : "listening", isPaused ? "wait" : "good");
    if (isPaused) return;
    held.forEach(show);
    held = [];
    pause.textContent = "Pause";
  });
  element("live-clear").addEventListener("click", () => {
    list.replaceChildren();
    empty.hidden = false;
  });
  search.addEventListener("input", () => {
    for (const row of list.children) row.hidden = !fits(row);
  });
})();
