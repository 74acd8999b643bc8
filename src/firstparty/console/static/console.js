// Copy buttons. Without JavaScript they are not shown, and everything else works as it is.
"use strict";

document.documentElement.classList.add("scripted");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const said = document.getElementById("said");
  const label = button.dataset.label || button.textContent;
  button.dataset.label = label;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    said.textContent = "Copied.";
  } catch {
    // Plain HTTP on another machine has no clipboard: select, so that the keys do it.
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    button.textContent = "Selected";
    said.textContent = "Selected. Press Control C or Command C to copy.";
  }
  setTimeout(() => {
    button.textContent = label;
    said.textContent = "";
  }, 2000);
});
